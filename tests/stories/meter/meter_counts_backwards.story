A meter that is wired backwards counts nothing that can be booked
# takes: 60 s
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  500 Wh have flowed
when  the meter counts backwards
then  the contactor opens within 45 s
then  up to 9000 Wh are nobody's
when  everything is mended
then  the box is available within 20 s
then  one session is booked to Wohnung 3 links, reason meter_lost
