A slow server delays the start, never the end
when  the network is slow
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the buzzer answers within 0.6 s
then  the box is charging within 10 s
when  the contactor has been closed for 5.3 s
when  Anna holds the tag to the box
then  the contactor opens within 1 s
when  the network is back
then  one session is booked to Wohnung 3 links, reason local
