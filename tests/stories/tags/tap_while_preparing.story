Who taps again while the server is asked has not started twice
when  a car plugs in that draws 11 kW on 3 phases
when  the network is slow
when  Anna holds the tag to the box
then  the buzzer answers within 0.6 s
then  the box is preparing within 2 s
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  the network is back
when  the contactor has been closed for 5.3 s
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  one session is booked to Wohnung 3 links, reason local
