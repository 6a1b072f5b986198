The landlord stops a charge and hears that it was done
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  300 Wh have flowed
when  the landlord stops the charge
then  the contactor opens within 5 s
then  the landlord hears that it was done
then  one session is booked to Wohnung 3 links, reason remote
