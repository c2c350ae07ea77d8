"""What to do in an emergency and how far it is: a view of the ticket, its history and the profile (H1-H3, H15)."""
