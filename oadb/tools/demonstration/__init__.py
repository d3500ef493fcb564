"""What oadb demo does and shows, with the data that it makes up."""
