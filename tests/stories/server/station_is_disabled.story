The landlord disables the station: the charge goes on, the next one is not begun
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  500 Wh have flowed
when  the landlord disables the station
then  the landlord hears that it was done
then  the contactor stays closed for 2 s
when  Anna holds the tag to the box
then  the contactor opens within 1 s
then  the box is unavailable within 12 s
then  the box says disabled
when  Bert holds the tag to the box
then  the red lamp lights up within 4 s
then  the contactor stays open for 1 s
when  the landlord enables the station again
then  the box is available within 12 s
then  one session is booked to Wohnung 3 links, reason local
