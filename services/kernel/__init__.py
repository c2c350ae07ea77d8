"""Words every service says. Standard library only, no input or output."""
