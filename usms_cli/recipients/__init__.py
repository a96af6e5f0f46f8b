"""Reading recipients: a file of any format becomes records, and records checked recipients.

    source          an input, whatever its format: what it is, and its records
    choices         what the options about recipients may choose from
    raw             its bytes: a file, a pipe or standard input
    decoding        its text, in blocks or whole lines
    record          what a reader yields: records, blocks of them, or problems
    columns         which column or key is what
    table           a header, and the records of the rows below it
    csv_file        CSV and TSV
    json_file       a JSON array, one record, or the API's own body
    json_walk       a pass through a JSON text of any size
    json_values     a record of JSON's keys and values
    jsonl_file      JSON Lines
    xlsx_file       Excel workbooks
    xlsx_package    the zip of a workbook, looked through before it is read
    xlsx_cells      a cell as people see it
    check           records become recipients in a draft, or problems
    exclude         records become phones that are never to be sent to
    phones          a phone in any writing becomes the number that is meant, and the API's writing
    phone_writing   a phone as people write it, taken apart
    phone_judge     what libphonenumber says of digits, kept from guessing
    phone_patterns  the same of plain mobiles, as patterns made of its data

Knows nothing of sending.
"""
