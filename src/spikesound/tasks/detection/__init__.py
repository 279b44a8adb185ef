"""Detection of sound events: which sounds occur, and when, frame by frame."""
