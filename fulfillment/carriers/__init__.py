"""The wires of couriers and of those who follow parcels: documents, clients, typed errors. Nothing here asks the
database."""
