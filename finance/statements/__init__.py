"""Bills of payment providers: fetching them and reading them."""
