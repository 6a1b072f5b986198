With its own supply too low the box does not close, and closes when it is good again
when  the Pi's own supply sags
# it is looked at every five seconds
when  6 s pass
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the contactor stays open for 4 s
then  the box is preparing within 1 s
when  the Pi's own supply is good again
then  the contactor closes within 8 s
when  the contactor has been closed for 5.3 s
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  one session is booked to Wohnung 3 links, reason local
