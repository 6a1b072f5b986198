A tag that nobody knows is refused over the line too, and kept for the landlord
given the box is on a line of text to the server
when  an unknown tag is held to the box
then  the contactor stays open for 3 s
then  the server has no session
