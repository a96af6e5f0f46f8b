"""The uSpeedo API: requests in; verdicts, receipts and templates out.

    connection  one kept connection, and what came of each exchange over it
    deadline    the time that an exchange may take
    answers     what all answers have in common
    client      SendBatchUSMSMessage: one request in, one verdict out
    verdicts    what an answer means for the recipients of a request
    asking      questions, which may be asked again: what every one of them shares
    receipts    USMSSendReceipt: session numbers in, receipts out
    templates   USMSTemplate: what the API has under the ids of templates

Knows nothing of the journal or of terminals.
"""
