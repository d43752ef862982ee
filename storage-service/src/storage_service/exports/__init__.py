"""Exports: plans written to workbooks, CSV files and Google Sheets by background jobs."""
