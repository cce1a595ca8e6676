"""The pure core of courier contracts: prices, areas and tables, plain data in and out, nothing of the database."""
