The disk takes two seconds for everything: opening does not wait for it
given the disk takes 2 s per write
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the buzzer answers within 0.6 s
then  the box is charging within 20 s
when  the contactor has been closed for 5.3 s
when  Anna holds the tag to the box
then  the contactor opens within 0.7 s
then  the box is available within 25 s
then  one session is booked to Wohnung 3 links, reason local
