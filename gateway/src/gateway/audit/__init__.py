"""Who did what, when and from where; rows are added and never changed."""
