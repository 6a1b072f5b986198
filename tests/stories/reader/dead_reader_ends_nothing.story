The reader dies during the charge: it goes on, and the landlord can end it
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  the reader's wire breaks
then  the contactor stays closed for 5 s
then  the box is charging within 1 s
when  the landlord stops the charge
then  the contactor opens within 5 s
then  the landlord hears that it was done
then  the box is unavailable within 12 s
when  everything is mended
then  the box is available within 20 s
then  one session is booked to Wohnung 3 links, reason remote
