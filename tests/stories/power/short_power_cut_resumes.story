A short power cut: the charge goes on as the same session
# takes: 190 s
given energy runs 20 times faster
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  63 s pass
when  the power is cut
then  the contactor opens within 1 s
when  the power comes back after 3 minutes
then  the box is preparing within 10 s
then  the contactor stays open for 25 s
then  the contactor closes within 110 s
when  200 Wh have flowed
when  the contactor has been closed for 5.3 s
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  one session is booked to Wohnung 3 links, reason local
then  the last session has no flag
