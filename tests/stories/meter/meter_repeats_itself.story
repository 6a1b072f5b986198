A meter that repeats the same values for ever is evidence of nothing
# takes: 60 s
when  a car plugs in that draws 3 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  the meter repeats the same values for ever
then  the contactor stays closed for 25 s
then  the contactor opens within 45 s
when  everything is mended
then  the box is available within 40 s
then  one session is booked to Wohnung 3 links, reason meter_lost
