The contactor does not close onto sagging mains, and closes when they are good again
when  the mains sag
when  6 s pass
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the contactor stays open for 5 s
then  the box is preparing within 1 s
when  the mains are good again
then  the contactor closes within 4 s
when  the contactor has been closed for 5.3 s
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  one session is booked to Wohnung 3 links, reason local
