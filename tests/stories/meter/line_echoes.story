The meter's line echoes what is sent: the box names it
when  the meter's line echoes what is sent
then  the box is unavailable within 25 s
then  the box says echo
when  everything is mended
then  the box is available within 20 s
then  the server has no session
