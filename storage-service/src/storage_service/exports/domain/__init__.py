"""Pure rules of exports: layouts, the plan table, cell texts, summaries."""
