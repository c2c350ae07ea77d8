"""For operators of a broker of their own: the topology as definitions to import, and the rights of each kind of user."""
