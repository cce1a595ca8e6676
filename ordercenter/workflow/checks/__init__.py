"""What the validator looks for, one file per kind of mistake."""
