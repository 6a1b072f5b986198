The server is silent: an unknown tag is not charged, and no session is left open
when  the network is mute
when  an unknown tag is held to the box
then  the red lamp lights up within 9 s
then  the contactor stays open for 1 s
then  the box is available within 5 s
when  the network is back
then  the sessions are booked as nobody, not_started
