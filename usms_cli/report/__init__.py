"""A run as tables, JSON, CSV or a page.

    report       what every form says: how a run stands, its exit status, what to do next
    tables       for people, on a terminal or as plain text
    templates    what the check of templates found, for people
    run_list     the list of runs
    json_report  one JSON object
    csv_export   the recipients of an outcome, to be sent again
    html_page    a page for a browser, whose look is page.css
    html_parts   its numbers, moments, bars and tables
    markup       HTML that text cannot break out of
    countries    what regions are called
    writing      how any of it gets into a file

Knows nothing of how the run came about.
"""
