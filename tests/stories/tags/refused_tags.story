Blocked, expired and unknown tags are refused and nothing is opened
when  a blocked tag is held to the box
then  the red lamp lights up within 3 s
then  the contactor stays open for 1 s
then  the box is available within 5 s
when  an expired tag is held to the box
then  the red lamp lights up within 3 s
then  the box is available within 5 s
when  an unknown tag is held to the box
then  the red lamp lights up within 3 s
then  the contactor stays open for 1 s
then  the server has no session
