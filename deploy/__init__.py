"""Everything that puts Deskstream onto a machine: image, profiles, embedded stack."""
