The mains went within a minute of closing: the landlord looks, and resets the fault that he saw
when  a car plugs in that draws 11 kW on 3 phases
when  Anna holds the tag to the box
then  the box is charging within 8 s
when  the power is cut
when  the power comes back after 2 minutes
then  the box is faulted within 20 s
when  the landlord resets the fault power_unstable
then  the landlord hears that it was done
then  the box is available within 5 s
then  one session is booked to Wohnung 3 links, reason power_loss
