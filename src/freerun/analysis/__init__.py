"""Analysis of records: tables, inference, figures and the report. No torch."""
