"""What a case says to a person: what happened, what it means for the order, what can be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text = str | Promise


@dataclass(frozen=True)
class CaseWords:
    """Three sentences for one code."""

    happened: Text
    means: Text
    to_do: Text


WORDS: Mapping[str, CaseWords] = {
    "SKU_UNMAPPED": CaseWords(
        _("The order holds goods of a listing that is not matched to any SKU of ours."),
        _("Nothing can be reserved or shipped; all orders with this listing wait."),
        _("Match the listing to a SKU: all orders that wait for it go on by themselves."),
    ),
    "ADDRESS_INCOMPLETE": CaseWords(
        _("Parts of the receiver's address are missing."),
        _("No courier can be chosen; the order waits."),
        _("Ask the buyer or customer service to correct the address at the channel; the order goes on by itself then."),
    ),
    "ADDRESS_UNSURE": CaseWords(
        _("The address does not say for sure in which city or district it lies."),
        _("A parcel could go to the wrong city; the order waits."),
        _("Compare the guess with the address; resolve the case to ship to the guessed place, or have it corrected."),
    ),
    "REMARK_NEEDS_HUMAN": CaseWords(
        _("The buyer or the shop has left a remark."),
        _("It may ask for something that no rule knows; the order waits until somebody has read it."),
        _("Read it, do what it asks, and resolve the case; the order goes on."),
    ),
    "PRICE_BELOW_FLOOR": CaseWords(
        _("Goods were sold below their floor price."),
        _("Shipping would lose money; the order waits."),
        _("Accept the price and resolve the case, or cancel the order and refund the buyer."),
    ),
    "BLACKLIST": CaseWords(
        _("The buyer, the phone or the address is on the blacklist."),
        _("The order waits for a decision."),
        _("Check the entry's reason; resolve the case to ship anyway, or cancel the order."),
    ),
    "REFUND_BEFORE_SHIP": CaseWords(
        _("The buyer has asked for a refund before the goods were shipped."),
        _("Shipping now would send goods that are to be refunded; the order waits."),
        _("Agree to the refund at the channel, or agree with the buyer that it is withdrawn; the order follows."),
    ),
    "DUPLICATE_SUSPECT": CaseWords(
        _("The same buyer ordered the same goods to the same address within a few minutes."),
        _("It may have been ordered twice by mistake; one of the two goes on, this one waits."),
        _("Ask the buyer; resolve the case to ship both, or cancel this order; a warehouse can be asked to stop it."),
    ),
    "OUT_OF_STOCK": CaseWords(
        _("No warehouse has all the goods of this order."),
        _("The order waits; it goes on by itself when stock arrives."),
        _("Transfer or buy stock, agree on other goods with the buyer, or cancel the order."),
    ),
    "PART_WAITS_SUPPLY": CaseWords(
        _("What was there of this order is on its way; the rest waits for supply."),
        _("The rest follows by itself when it has come or is made; the buyer has a part of the goods only."),
        _("Look at the promised day; hurry the supply, or agree with the buyer on a refund of the rest."),
    ),
    "STOCK_COUNT_SHORT": CaseWords(
        _("Fewer pieces were counted, or reported by the warehouse, than are promised to orders and shops."),
        _("The books stay as they were for these goods: somebody has been promised what is not there."),
        _("Count again; or take promises back (cancel, ship from elsewhere, end a quota), then count once more."),
    ),
    "STOCK_DOUBTFUL": CaseWords(
        _("A warehouse would not ship goods that it should have."),
        _("These pieces are in quarantine: nobody is promised them; the orders ship from elsewhere."),
        _("Ask the warehouse or have it counted; then adjust the stock, and resolve the case."),
    ),
    "QUOTA_SHORT": CaseWords(
        _("A shop's quota has begun with fewer pieces than were planned for it."),
        _("What was free is set aside; the shop is told the smaller number."),
        _("Bring stock in and plan another quota for the rest, or tell the shop; the case closes when the quota ends."),
    ),
    "LIVE_FEW_LEFT": CaseWords(
        _("Of goods shown in a live stream, few of the pieces set aside for it are left, or none."),
        _("When they are gone, orders of the stream take from the pool of all shops, as far as that reaches."),
        _("Set more pieces aside in the session, or let the anchor show other goods; then the case closes by itself."),
    ),
    "STOCK_PUSH_FAILED": CaseWords(
        _("The channel did not take the number of pieces that it was told."),
        _("It goes on offering the number it had; that may be too many."),
        _("Look at the listing at the channel: it may be gone or locked. The next change is sent anew."),
    ),
    "ROUTING_NONE": CaseWords(
        _("No warehouse has a courier with a rate to this address."),
        _("No shipment can be planned; the order waits."),
        _("Add a rate of that place to a courier contract, then run the step again."),
    ),
    "WAREHOUSE_CLOSED": CaseWords(
        _("The warehouse that would ship the order is temporarily closed; the rules say to wait, or nobody else can."),
        _("The order waits; it goes on by itself when the warehouse opens again."),
        _("Pin the order to another warehouse, change the closing, or tell the buyer."),
    ),
    "ROUTING_FORBIDDEN": CaseWords(
        _("The routing rules leave no warehouse or courier for this order."),
        _("No shipment can be planned; the order waits."),
        _("Look at the rules that are named; pin the order to a warehouse, or change them and run the step again."),
    ),
    "RULE_UNANSWERED": CaseWords(
        _("A routing rule that forbids something asks for a value that the order does not have."),
        _("Unknown is never taken for no; the order waits."),
        _("Fill in the missing value, or change the rule, and run the step again."),
    ),
    "CAPACITY_FULL": CaseWords(
        _("Every warehouse that could ship the order has as many parcels today as it can hand over."),
        _("The order waits; it goes on by itself on the next day."),
        _("Raise the number of parcels of the day in the warehouse's calendar, or let it wait."),
    ),
    "PAYMENT_MISMATCH": CaseWords(
        _("The amount paid is not the amount due."),
        _("The order is not taken as paid."),
        _("Compare with channel and provider; enter the missing payment, or cancel the order and refund the buyer."),
    ),
    "PAYMENT_CONFLICT": CaseWords(
        _("The channel tells of a payment whose transaction number the books hold with another amount or order."),
        _("The payment is not entered once more; what is in the books stays."),
        _("Compare with the provider which of the two is right; enter what is missing by hand, with its own number."),
    ),
    "CHANNEL_HELD": CaseWords(
        _("The channel has put the order on hold."),
        _("It must not be shipped for now."),
        _("Look at the order at the channel; it goes on by itself when the channel lets it go."),
    ),
    "SHIPPED_ELSEWHERE": CaseWords(
        _("The channel says that the goods have left, but nothing was sent from here."),
        _("Shipping now would send the goods twice; the order waits."),
        _("Ask who shipped it; cancel the order here, or resolve the case to ship all the same."),
    ),
    "SPLIT_PARENT_OUT": CaseWords(
        _("The channel split an order, and a warehouse already had, or has sent, the parcel of the whole order."),
        _("Sending this part as well would send the goods twice; it waits, and goes on when the parcel was stopped."),
        _(
            "Look at the order before the split. When its parcel left, report its number for the parts at the channel "
            "and cancel this order here; when the goods are back, resolve the case and the part is sent."
        ),
    ),
    "SPLIT_SUM": CaseWords(
        _("The amounts of the parts that came so far are not the amount of the order that the channel split."),
        _("Parts are missing, or money is not where it belongs. The case closes itself when the sums are equal."),
        _("Compare the parts with the order in the channel's back office; a part that is missing can be pulled again."),
    ),
    "CHANGED_AFTER_AUDIT": CaseWords(
        _("The buyer changed the order after it had been approved."),
        _("What was planned may be wrong; the order waits."),
        _("Check the changed fields on the order's page, then resolve the case."),
    ),
    "WMS_REJECTED": CaseWords(
        _("The warehouse has refused the delivery order."),
        _("Nothing is shipped until it is sent again, or leaves from another warehouse; the flow may look for one."),
        _("Read the warehouse's reason, mend it and run the step again, or ship from another warehouse."),
    ),
    "WMS_SILENT": CaseWords(
        _("The warehouse's system did not answer in spite of several tries."),
        _("Nobody knows for sure whether it has the delivery order."),
        _("Ask the warehouse by phone; then run the step again, which asks before it sends."),
    ),
    "RESULT_UNKNOWN": CaseWords(
        _("A call to the outside ended without a clear answer."),
        _("It may or may not have taken effect."),
        _("Check at the receiver, then run the step again or resolve the case."),
    ),
    "NOTHING_SHIPPED": CaseWords(
        _("The warehouse says that it is through with the delivery order, and that no piece of it has left."),
        _("Nothing is on its way to the buyer; the goods are still reserved."),
        _("Find out why at the warehouse; resolve the case to plan the order anew, or ship from another warehouse."),
    ),
    "LEAVES_WAREHOUSE": CaseWords(
        _("The warehouse was asked to stop what it has of the order, so that another one can ship it."),
        _("Nothing is sent from elsewhere before it has said yes: the goods would leave twice."),
        _("Wait for its answer, or ask by phone; the case closes with the answer or with the parcel."),
    ),
    "GOODS_STOPPED": CaseWords(
        _("The goods were asked back from the warehouse, which has stopped them."),
        _("They are free for others; the order waits for a decision."),
        _("Cancel the order, or resolve the case to send it anew."),
    ),
    "SHORT_PICK": CaseWords(
        _("The warehouse shipped fewer pieces than ordered."),
        _("The rest of the order is still open."),
        _("Find out why at the warehouse; ship the rest or refund it."),
    ),
    "WEIGHT_MISMATCH": CaseWords(
        _("A packed parcel weighs more or less than its goods and box should."),
        _("A piece may be missing or too much, or the SKU's weight is wrong; the parcel stays on the bench."),
        _("Open the box and count. Resolve the case to let this weight pass, or correct the SKU's weight."),
    ),
    "STOCK_DIFFERENCE": CaseWords(
        _("A count or a report of the warehouse says that less is there than is promised to orders."),
        _("The books were left as they are; orders may be promised goods that are not there."),
        _("Count again. If it is right, release or move orders of this SKU first, then post the count."),
    ),
    "PARCEL_UNKNOWN": CaseWords(
        _("A parcel has arrived at the dock that belongs to no shipment and no order we know of."),
        _("Its goods are received, but nobody gets money back for them."),
        _("Find its order by the sender or the goods, or keep the goods as found stock."),
    ),
    "INBOUND_DIFFERENCE": CaseWords(
        _("What the warehouse received is not what was announced to it."),
        _("Stock follows what was received; the supplier or the buyer may have to be told."),
        _("Compare with the delivery note, clear it with the supplier or the buyer, then resolve the case."),
    ),
    "TRANSFER_SHORT": CaseWords(
        _("The sending warehouse sent fewer or other pieces than the transfer asked for."),
        _("The other warehouse is told what really left. Pieces that stayed are in quarantine and promised to nobody."),
        _("Have them counted at the sending warehouse, regrade what is there or write it off, then resolve the case."),
    ),
    "GOODS_AFTER_END": CaseWords(
        _("A warehouse confirmed goods for a delivery that was called off or finished before."),
        _("Goods that are there are in the stock; what could not be booked stands in the evidence."),
        _("Ask the warehouse what happened, correct the books or send the goods back, then resolve the case."),
    ),
    "INTERCEPT_FAILED": CaseWords(
        _("The warehouse could not stop the parcel."),
        _("The goods are on their way although they should not be."),
        _("Ask the courier to return the parcel, or the buyer to refuse it."),
    ),
    "SHIPPED_AFTER_CANCEL": CaseWords(
        _("The parcel left although the order was cancelled."),
        _("The buyer may get goods that are not paid for."),
        _("Ask the courier to return the parcel, or agree with the buyer."),
    ),
    "WAITING_MERGE": CaseWords(
        _("The buyer has another open order to the same address."),
        _("The order waits so that both travel in one parcel; it goes on when the other comes or time is up."),
        _("Nothing. To let it go alone at once, resolve the case."),
    ),
    "GIFT_RECALC": CaseWords(
        _("After a refund the order does not earn its gift any more, but the gift has been handed over already."),
        _("The buyer keeps goods that were given for a purchase that was taken back."),
        _("Ask for the gift back with the returned goods, or let it be and resolve the case."),
    ),
    "TRACKING_UPLOAD_FAILED": CaseWords(
        _("The channel did not take the tracking number."),
        _("The buyer does not see that the goods are on their way; the channel may fine us for shipping late."),
        _("Look at the order at the channel, then run the step again."),
    ),
    "WAYBILL_FAILED": CaseWords(
        _("The courier gives no waybill number for the shipment."),
        _("Its label cannot be printed; the parcel cannot leave."),
        _("Read the courier's reason below, mend it, and ask for the number again on the waybill's page."),
    ),
    "WAYBILL_NOT_RECYCLED": CaseWords(
        _("The courier did not take a waybill number back that is not needed."),
        _("A prepaid number may be lost, or a courier may come for a parcel that does not exist."),
        _("Give it back again on the waybill's page, or cancel it at the courier by hand and void it here."),
    ),
    "WAYBILL_POOL_LOW": CaseWords(
        _("Few prepaid waybill numbers of this courier are left, or none."),
        _("When they run out, no labels can be printed; waiting requests go on when there are new numbers."),
        _("Buy numbers from the courier's branch. The case closes by itself."),
    ),
    "COURIER_AUTH": CaseWords(
        _("The courier, or who follows its parcels for us, does not accept our keys."),
        _("No numbers or no news of parcels come in until it does; what waits goes on by itself then."),
        _("Check the account's keys and their validity in the data area."),
    ),
    "NO_PICKUP": CaseWords(
        _("The parcel left the warehouse in our books, but the courier has not scanned it in time."),
        _("It may still lie at the dock, or left without a scan; the channel may fine us for a false shipment."),
        _("Look at the dock, then call the courier. A scan closes the case by itself."),
    ),
    "SHIPMENT_STALLED": CaseWords(
        _("The courier has not scanned the parcel for longer than its time limit."),
        _("The buyer waits and does not know why."),
        _("Ask the courier where it is, and tell the buyer. A new scan closes the case by itself."),
    ),
    "PARCEL_LOST": CaseWords(
        _("Nothing was heard of the parcel for so long that it counts as lost."),
        _("The buyer will not get the goods; the courier owes for them."),
        _("Claim it from the courier, declare it lost on its page, and send the goods again or refund them."),
    ),
    "PARCEL_PROBLEM": CaseWords(
        _("The courier could not deliver the parcel as planned."),
        _("Without help it may come back or be stored."),
        _("Read what the courier says, and agree with the buyer. Its next ordinary scan closes the case."),
    ),
    "PARCEL_RETURNING": CaseWords(
        _("The parcel was refused or not deliverable: it is on its way back."),
        _("The buyer will ask for the money; the goods will arrive at the dock."),
        _("Agree with the buyer on a refund or a second delivery. The case closes when the parcel is back."),
    ),
    "RECALL_FAILED": CaseWords(
        _("The courier will not bring the parcel back, or cannot be asked by its interface."),
        _("The goods are on their way although they should not be."),
        _("Call the courier's branch, or ask the buyer to refuse the parcel."),
    ),
    "TRACKING_ABORTED": CaseWords(
        _("The provider has found nothing of the parcel for days and gave up following it."),
        _("No news comes in; it is subscribed again after half an hour, and asked for until then."),
        _("Check the number and the courier. A new scan closes the case by itself."),
    ),
    "SETTLEMENT_DIFF": CaseWords(
        _("A line of the provider's bill and our books do not agree."),
        _("The business day cannot be closed."),
        _("Open the bill, find the cause, and sign the difference off with a reason."),
    ),
    "SUPPLY_LATE": CaseWords(
        _("Goods that were bought, sent over or are being made have not come on the day on which they were expected."),
        _("Orders that wait for them have been given later dates; buyers may have to be told."),
        _("Ask the supplier or the workshop, and write down the new day or the arrival; the case then closes itself."),
    ),
    "PAYOUT_DIFF": CaseWords(
        _("What the platform paid out for the order is not what our books say, or its fees are more than agreed."),
        _("Money may be missing, or was paid that has to go back."),
        _("Open the settlement: it says which amounts differ. Ask the platform, put the books right, or sign it off."),
    ),
    "PAYOUT_MISSING": CaseWords(
        _("The order is completed, but the platform has not paid it out in the agreed time."),
        _("The money is still with the platform."),
        _("Look for it in the platform's back office. The case closes by itself when the settlement comes in."),
    ),
    "PAYOUT_UNREADABLE": CaseWords(
        _("A movement of the platform's settlement cannot be read."),
        _("Nothing after it is taken in, so that nothing is left out unseen."),
        _("The field is named below. After the mending, the next look takes all of it in and closes the case."),
    ),
    "STATEMENT_UNREADABLE": CaseWords(
        _("The provider's bill cannot be read."),
        _("The business day is not reconciled."),
        _("Look at the row that is named below; fetch the bill again or ask the provider."),
    ),
    "FREIGHT_WEIGHT": CaseWords(
        _("A courier bills parcels with other weights than we measured, and asks for more or less because of it."),
        _("The bill cannot be closed, and should not be paid as it is."),
        _("Open the bill, send the differences to the courier, and sign off what is accepted."),
    ),
    "FREIGHT_PRICE": CaseWords(
        _("A courier bills parcels with other prices than the contract of their day says."),
        _("The bill cannot be closed, and should not be paid as it is."),
        _("Open the bill: each line names the term that is off. Have the bill or the contract put right; check again."),
    ),
    "FREIGHT_UNKNOWN": CaseWords(
        _("A courier bills numbers that are neither a parcel nor a waybill of ours."),
        _("Somebody else's parcels may be on the bill, or parcels that were sent past the system."),
        _("Ask the courier what they are; sign off what was really yours, with the reason."),
    ),
    "FREIGHT_TWICE": CaseWords(
        _("A courier bills parcels that it has billed already."),
        _("Paying the bill as it is pays them twice."),
        _("Have the courier take them out; sign off what is a second journey, such as a return."),
    ),
    "FREIGHT_VOID": CaseWords(
        _("A courier bills numbers under which nothing left the house: given back, void, or never used."),
        _("Paying the bill as it is pays for nothing."),
        _("Send the list to the courier; if a parcel did leave under such a number, find out why nobody knows of it."),
    ),
    "FREIGHT_NO_CONTRACT": CaseWords(
        _("For parcels on a courier's bill no price was agreed on the day they left."),
        _("Nobody can say whether what is asked for is right."),
        _("Fill the gap in the contracts, then check the bill again; or sign the lines off."),
    ),
    "FREIGHT_NOT_BILLED": CaseWords(
        _("Parcels left with a courier in the time of its bill, and are on no bill of it."),
        _("They will be asked for later, or were carried by somebody else; what they cost is not in the books."),
        _("Wait for the next bill, which closes this by itself, or sign the lines off."),
    ),
    "AFTERSALE_GOODS": CaseWords(
        _("The buyer wants goods of this order exchanged, sent once more or repaired."),
        _("The channel shows the request as open, with a deadline, until goods are on their way."),
        _(
            "Agree or refuse at the channel. What goes out again is an order of its own, made by the API or a table;"
            " the case closes when the channel says that the request is over."
        ),
    ),
    "COUNTER_OVERSOLD": CaseWords(
        _("A counter sold pieces that the books did not have, or that were promised to others."),
        _("The goods are gone: the stock of the store is below what is promised there, or below nothing."),
        _("Count the store, bring goods, or send what waits there from elsewhere; the case closes by itself."),
    ),
    "COUNTER_DOCUMENT": CaseWords(
        _("A counter sent a sale with goods nobody knows, or a return that no sale explains."),
        _("It counts in the cash of its shift, but is not in stock or books."),
        _("Make the SKU, or find out what was returned; what can be booked is booked by itself then."),
    ),
    "COUNTER_CLOCK": CaseWords(
        _("The clock of a counter is far from ours."),
        _("Its sales are booked, but their order beside other counters may be wrong."),
        _("Set the counter's clock; the case closes with its next batch."),
    ),
    "SHIFT_DIFFERENCE": CaseWords(
        _("The cash that was counted at the end of a shift is not what its sales and returns say."),
        _("Money is missing, or more is there than should be."),
        _("Ask who worked the shift, write down what came of it, and resolve the case."),
    ),
    "CHANNEL_AUTH": CaseWords(
        _("The shop's authorisation at the channel is no longer valid."),
        _("No orders come in and no tracking numbers go out for this shop."),
        _("Ask the shop's owner to authorise the connection again."),
    ),
    "CHANNEL_AUTH_ENDING": CaseWords(
        _("The shop's authorisation at the channel ends within three days, and cannot be renewed by ourselves."),
        _("After that no orders come in and no tracking numbers go out for this shop."),
        _("Ask the shop's owner to authorise the connection again before then; the case closes by itself."),
    ),
    "CHANNEL_UNREADABLE": CaseWords(
        _("Some rows in the list of a channel's changes cannot be read, or their orders are not given out."),
        _("These orders are missing; the others come in. The span is read again, nothing is passed over."),
        _("Compare the named field with the platform's document, or correct the connector; the case closes by itself."),
    ),
    "COMMAND_FAILED": CaseWords(
        _("A call to the outside was refused or given up."),
        _("What it was to do has not been done."),
        _("Read the error, mend its cause, and send the command again from its page in the data area."),
    ),
    "MESSAGE_PARKED": CaseWords(
        _("A message from outside could not be read or applied; it is kept as it was received."),
        _("What it says is not in our books yet."),
        _("Read the error, mend its cause, and read the message again from its page in the data area."),
    ),
    "EVENT_PARKED": CaseWords(
        _("A step of ours failed several times and was set aside; everything else goes on."),
        _("What should have followed from this event has not happened."),
        _("Read the error, mend its cause, and start the delivery again from its page in the data area."),
    ),
    "CONDITION_UNKNOWN": CaseWords(
        _("A condition of the flow could not be answered because a value is missing."),
        _("The order waits at this step; unknown is never taken for no."),
        _("Fill in the missing value, then run the step again."),
    ),
    "FLOW_STEP_FAILED": CaseWords(
        _("A step of the flow failed."),
        _("The order waits at this step."),
        _("Read the error, mend its cause, and run the step again."),
    ),
    "FLOW_LOOP": CaseWords(
        _("Flows started each other more often than any honest flow does."),
        _("The chain was stopped before it went round again."),
        _("Find the flow that starts itself and change it; then resolve the case."),
    ),
    "NO_ELSE": CaseWords(
        _("No case of a branch matched and the flow names no way for the rest."),
        _("The order waits at this step."),
        _("Give the branch a way for the rest, activate the new version, and run the step again."),
    ),
}
# What a person may do with the order right from the case: names of steps (see audit.steps), most likely one first.
FIXES: Mapping[str, tuple[str, ...]] = {
    "WMS_REJECTED": ("route_elsewhere", "cancel"),
    "NOTHING_SHIPPED": ("route_elsewhere", "cancel"),
    "WMS_SILENT": ("leave_warehouse", "ask_back"),
    "DUPLICATE_SUSPECT": ("ask_back", "cancel"),
    "PAYMENT_MISMATCH": ("cancel",),
    "GOODS_STOPPED": ("cancel",),
    "REFUND_BEFORE_SHIP": ("cancel",),
    "PRICE_BELOW_FLOOR": ("cancel",),
    "BLACKLIST": ("cancel",),
    "OUT_OF_STOCK": ("cancel",),
    "PART_WAITS_SUPPLY": ("give_up_rest",),
    "WAREHOUSE_CLOSED": ("cancel",),
    "ROUTING_FORBIDDEN": ("cancel",),
}
UNKNOWN = CaseWords(
    _("A flow has raised this case."),
    _("What it is about waits for a decision."),
    _("Look at the evidence, decide, and resolve the case."),
)


def words_of(code: str) -> CaseWords:
    """The sentences of a code; general ones for a code that a flow made up."""
    return WORDS.get(code, UNKNOWN)
