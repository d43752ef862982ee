"""Google Sheets: registered spreadsheets and the publishing of tabs."""
