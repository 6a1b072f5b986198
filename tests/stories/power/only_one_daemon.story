One box, one daemon: a second one is told so and goes
then  the box is available within 5 s
then  a second daemon is refused
then  the box is available within 1 s
then  the server has no session
