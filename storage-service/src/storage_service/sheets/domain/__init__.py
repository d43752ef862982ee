"""Pure rules of Google Sheets: quota and patience, tabs and the requests that write them."""
