"""What every part of a kind owes. The laws stand in `kit`; parts with one fault each, which the laws must catch, in
`broken`."""
