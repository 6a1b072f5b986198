The daemon is killed while it asks the server: nobody has charged
when  a car plugs in that draws 11 kW on 3 phases
when  the network is mute
when  Anna holds the tag to the box
then  the box is preparing within 2 s
when  1 s pass
when  the daemon is killed
when  the network is back
when  the daemon is started
then  the box is available within 20 s
then  the contactor stays open for 1 s
then  one session is booked to Wohnung 3 links, reason not_started
