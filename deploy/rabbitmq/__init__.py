"""For operators of their own broker: the topology as definitions to import, and the rights of each kind of user."""
