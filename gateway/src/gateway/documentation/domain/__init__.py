"""What the document says: merged, completed, and narrowed to one caller."""
