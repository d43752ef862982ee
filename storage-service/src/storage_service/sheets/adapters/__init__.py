"""The Google Sheets API through gspread."""
