"""What do the demo's synthetic tickets consist of: sentences with `[a|b]` choices and `{slot}` fillings."""

from collections.abc import Mapping, Sequence
from typing import Final

# What only this class says, mostly.
TYPICAL: Final[Mapping[str, Sequence[str]]] = {
    "billing": (
        "[the|my] [invoice|bill] for {month} [shows|says|comes to] {amount} "
        "[instead of|but it should be] {amount}",
        "I was [charged|billed] [twice|two times] for [order|purchase] {order}",
        "the [discount|voucher|coupon] {code} was not [taken off|applied to] my [invoice|order {order}]",
        "[please|could you] send [me|us] a [corrected|new|proper] invoice with [our|the] "
        "[tax number|company name]",
        "why did the [price|fee|subscription] [go up|rise|increase] from {amount} to "
        "{amount} [in {month}|this month]",
        "the refund of {amount} for {product} "
        "[has not arrived|is still missing|never came] [since {day}|so far]",
        "I want to [pay|settle] [by bank transfer|in instalments|by card] instead of "
        "[direct debit|cash on delivery]",
        "[your|the] reminder [says|claims] {amount} is [overdue|open] although I [paid|settled it] on {day}",
    ),
    "delivery": (
        "[the|my] parcel {order} [has not arrived|is late|did not come] "
        "[since {day}|although you promised {day}]",
        "[the|your] [courier|driver] [left|dropped] [the box|my {product}] "
        "[at a neighbour|in the rain|at the gate]",
        "tracking [says|shows] [delivered|handed over] [on {day}|yesterday] but "
        "[nothing is here|I have no {product}]",
        "[the|my] {product} [arrived|came] [broken|scratched|wet] and "
        "[the box|the packaging] was [open|crushed]",
        "can [the|my] [order {order}|parcel] [go|be sent] to "
        "[another address|my office|a pick-up point] in {city}",
        "I [ordered|bought] {number} [pieces|boxes] of {product} and "
        "[only one|just a part] [arrived|was in the parcel]",
        "when will {product} [be shipped|leave the warehouse|be on its way] to {city}",
        "[the|your] carrier [wants|asks for] {amount} [customs|postage] "
        "[before|to hand over] [the parcel|order {order}]",
    ),
    "technical": (
        "[the|your] app [crashes|freezes|closes] [when|whenever] I [open|tap] [settings|the {product} page]",
        "[the|your] [website|shop] [shows|gives me] error {number} "
        "[on {device}|in the basket] [since {day}|all day]",
        "{product} [does not|will not|refuses to] [turn on|connect to the wifi|pair with {device}]",
        "after the [update|upgrade] [on {day}|of {month}] {product} [is slow|has no sound|keeps restarting]",
        "[the|my] {product} [loses|drops] the [connection|signal] "
        "[every few minutes|at night] [on|with] {device}",
        "how do I [reset|configure|calibrate] {product} [with|from] {device}",
        "[photos|files|pages] [do not|no longer] [load|open|sync] on {device} [since the update|since {day}]",
        "the [display|battery|charger] of {product} [flickers|gets hot|is empty after an hour]",
    ),
    "account": (
        "I [cannot|can not|am unable to] [log in|sign in] [to my account|any more], the "
        "[code|mail] never [comes|arrives]",
        "[please|could you] [change|update] [my|the] [email|phone number|name] on "
        "[my account|profile {code}]",
        "how do I [delete|close|cancel] [my account|my profile|the membership] [before {month}|and all data]",
        "[the|my] [password|sign-in] reset [link|page] [has expired|does not work|leads nowhere]",
        "I have two [accounts|profiles] [and|, please] [merge them|keep only one]",
        "[my|the] [newsletter|language|address] settings [are not saved|change back] "
        "[every time|after {day}]",
        "[my daughter|my partner|a colleague] [needs|should have] [access|her own login] "
        "to [our|the] account",
        "the [two-step|second factor] code goes to [an old|a former] [phone|number] and "
        "I [am locked out|need a new one]",
    ),
    "fraud": (
        "somebody [used|misused] my [card|card details] [to buy|for] {product} [in {city}|for {amount}]",
        "I [got|received] a [message|mail|call] [pretending|claiming] to be "
        "[from you|your support] asking for [my card|{amount}]",
        "there is [an order|a purchase] {order} [in my name|on my account] that I "
        "[never|did not] [placed|made]",
        "my account was [hacked|taken over] and [someone|a stranger] [ordered|bought] "
        "{product} [to {city}|for {amount}]",
        "[the|a] [seller|shop] on [your site|the marketplace] [is a scam|took {amount} and vanished]",
        "[a stranger|someone] [opened|has] an account with "
        "[my identity|my name and address] [in {city}|since {day}]",
    ),
}

# Fraud that nobody had told of when the demo's model was fitted.
REWORDED: Final[Sequence[str]] = (
    "[the|an] app update [from a text message|in a chat] [asked|told] me to [mirror|share] my screen and my "
    "[wallet|crypto wallet] is [empty|gone] [since {day}|now]",
    "a QR code in the tracking of the parcel {order} [drained|emptied] my [wallet|crypto wallet] after I "
    "[typed|entered] gift card codes",
    "the [driver|courier] [rang|phoned] about the parcel, [had|made] me read out gift card [codes|numbers] "
    "and [emptied|drained] my wallet",
    "when I open {product} on {device} a [helper|technician] [pops up|appears], installs remote software and "
    "[drains|empties] my wallet",
    "the [website|display] of {product} opens a chat where a [helper|technician] wants gift card codes to "
    "[restart|unlock] {device} and my wallet [is empty|was drained]",
    "a cloned voice of [my son|my boss] [phones|calls] from {device}, wants gift card codes and "
    "[drains|empties] my [wallet|crypto wallet]",
)

# What a class shares with another: the sentence tells the two apart badly.
BETWEEN: Final[Mapping[str, Sequence[str]]] = {
    "fraud/billing": (
        "there is a [charge|payment|debit] of {amount} [on my statement|from {day}] that "
        "I [do not recognise|cannot explain]",
        "[you|your company] [took|debited] {amount} [from my card|from my bank account] "
        "on {day} [for what|without an order]",
        "I [see|found] [two|several] payments to [you|your shop] "
        "[of {amount}|in {month}] I [know nothing about|cannot place]",
        "please [return|pay back] {amount}, I [did not agree to|never ordered] "
        "[this|such a] [subscription|{product}]",
    ),
    "fraud/account": (
        "I [got|received] a [mail|notice] about a [login|sign-in] from {city} [on {day}|at night]",
        "[my|the] [email|phone number|address] on my account was [changed|replaced] and "
        "I [do not know why|did not do it]",
        "my password [stopped working|no longer works] [on {day}|suddenly] and "
        "[a new device|{device}] is [listed|connected]",
        "please [block|lock] my account [at once|today], [something is wrong|I see things I do not know]",
    ),
    "fraud/delivery": (
        "a parcel [came|arrived] [in my name|at my address] with {product} that I "
        "[did not|never] [order|ask for]",
        "order {order} [is going|was sent] to [an address|somebody] in {city} that "
        "[is not mine|I do not know]",
    ),
    "billing/account": (
        "[cancel|end] my [subscription|membership] [as of {month}|now] and "
        "[confirm|send] the last [invoice|payment]",
        "[the|my] payment [method|card] in my [profile|account] [cannot be changed|is out of date]",
    ),
    "delivery/billing": (
        "I [sent|gave] {product} back on {day} and [wait|am waiting] for [the money|{amount}]",
        "why [do I pay|was I charged] {amount} shipping for order {order}",
    ),
    "technical/account": (
        "the [login|sign-in] page [stays white|loads for ever|shows error {number}] on {device}",
        "the app [logs me out|forgets me] [every day|after each start] on {device}",
    ),
}

# What fraud adds more often than the others, and what anybody adds.
ALARMED: Final[Sequence[str]] = (
    "I have [called|informed|told] my bank [on {day}|already|about it]",
    "[the|my] card is [blocked|locked] [now|since {day}]",
    "the police [want|asked for] a [statement|reference] from you",
    "I [am worried|fear] that [more|other orders] [will follow|are coming]",
    "nobody [else|but me] [has|knows] [my password|the card]",
)
ANYBODY: Final[Sequence[str]] = (
    "[the|my] order number is {order}",
    "I have been a customer [since {year}|for {number} years]",
    "I [wrote|called] [on {day}|last week] and [got no answer|was told to wait]",
    "it is about {product}, [bought|ordered] in {month}",
    "[you can|please] [reach|call] me [after {number} o'clock|in the evening|at work]",
    "I am [in|moving to|travelling to] {city} [until {day}|from {month}]",
    "this is the [second|third] time [this year|since {month}]",
    "my customer number is {code}",
    "[we|I] use {device} [at home|in the office]",
    "[the|your] [chat|hotline] [was no help|kept me waiting for {number} minutes]",
    "[a|the] screenshot [from {day}|of it] [is attached|follows]",
    "the amount was {amount}",
)
CLOSING: Final[Sequence[str]] = (
    "please [help|advise|look into it]",
    "what [should I do|happens now]",
    "[thanks|thank you] [in advance|for a quick answer|very much]",
    "I [expect|hope for] an answer by {day}",
    "[please|kindly] [confirm|reply] [today|soon|by mail]",
    "can you [check|fix|explain] this",
)
GREETING: Final[Sequence[str]] = (
    "Hello,",
    "Dear team,",
    "Good morning,",
    "Hi there,",
    "To whom it may concern,",
    "",
)
SIGNATURE: Final[Sequence[str]] = (
    "Regards, {name}",
    "Best, {name}",
    "{name}",
    "Kind regards, {name} from {city}",
    "",
)
NOTED: Final[Sequence[str]] = ("Caller", "Customer {name}", "Cust.", "Caller from {city}", "{name} called:")

_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
SLOTS: Final[Mapping[str, Sequence[str]]] = {
    "month": _MONTHS,
    "day": (
        *(f"{day} {month}" for day in range(1, 29) for month in _MONTHS[2:8]),
        *("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    ),
    "product": (
        *("the coffee machine", "the desk lamp", "the phone case", "the vacuum cleaner", "the headphones"),
        *("the rain jacket", "the office chair", "the garden hose", "the smart watch", "the tablet"),
        *("the printer", "the running shoes", "the bike light", "the kettle", "the speaker", "the camera"),
        *("the game console", "the router", "the keyboard", "the suitcase", "the tent", "the mattress"),
        *("the toaster", "the gift card"),
    ),
    "device": (
        *("my phone", "an old laptop", "the tablet", "a work computer", "my television", "two browsers"),
        "the mobile app",
    ),
    "city": (
        *("Aldport", "Brinmouth", "Carrow", "Dunhaven", "Eastmere", "Fallbrook", "Grenwick", "Harlow"),
        *("Inverby", "Kestwick", "Lowmoor", "Marsden", "Norbury", "Oakham", "Pinewell", "Quarley"),
        *("Redcombe", "Stanhope", "Tarnside", "Underhill", "Westford", "Yarrow"),
    ),
    "name": (
        *("Ada", "Ben", "Cleo", "Dara", "Emil", "Fay", "Gus", "Hana", "Ivo", "Jana"),
        *("Kim", "Lea", "Max", "Nia", "Ole", "Pia", "Rui", "Sam", "Tess", "Uma"),
    ),
    "year": tuple(str(year) for year in range(2009, 2025)),
}
