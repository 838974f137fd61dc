"""Stand-ins for parts of imcore that tests steer by hand."""
