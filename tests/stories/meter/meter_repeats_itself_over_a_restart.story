The meter repeats itself, and the daemon dies in the charge: an old register is no end
# takes: 40 s
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the contactor closes within 8 s
when  500 Wh have flowed
when  the meter repeats the same values for ever
when  500 Wh have flowed
when  the daemon is killed
when  the daemon is started
then  the contactor opens within 12 s
when  12 s pass
when  everything is mended
then  one session is booked to Wohnung 3 links, reason restart
