"""The query API of lab_results: rates, their series and rankings over HTTP."""
