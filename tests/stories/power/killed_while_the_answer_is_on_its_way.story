The server has taken the START, and the daemon is killed before it knows
when  a car plugs in that draws 11 kW on 3 phases
when  the network is losing answers
when  Anna holds the tag to the box
then  the server has an open session of Wohnung 3 links
when  the daemon is killed
when  the network is back
when  the daemon is started
then  the box is available within 20 s
then  one session is booked to Wohnung 3 links, reason not_started
