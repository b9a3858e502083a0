"""The texts of the example crawl, written for this project. Each page of `FATES` is made for one fate."""

PHOTOSYNTHESIS = """\
Photosynthesis is the process by which green plants make their own food. It takes place in the chloroplasts, small bodies inside the cells of a leaf that hold a green pigment called chlorophyll. Chlorophyll absorbs red and blue light and reflects green light, which is why leaves look green to us.

The plant needs three things for the process. Water rises from the roots through narrow tubes called xylem. Carbon dioxide enters the leaf through tiny openings called stomata. Light from the sun supplies the energy. The plant uses this energy to split water into hydrogen and oxygen, and then joins the hydrogen with carbon dioxide to form glucose, a simple sugar. The oxygen leaves the leaf as a waste product.

We can write the whole process as a word equation: carbon dioxide and water, in the presence of light and chlorophyll, give glucose and oxygen. The plant stores some of the glucose as starch, burns some of it for energy, and builds the rest into cellulose for its cell walls. Almost every food chain on Earth begins with this reaction, because animals cannot make sugar from light. They must eat plants, or eat other animals that have eaten plants."""

FRACTIONS = """\
A fraction describes a part of a whole. The number below the line, the denominator, tells us into how many equal parts the whole has been divided. The number above the line, the numerator, tells us how many of those parts we have. In the fraction three quarters, the whole has been cut into four equal parts and we take three of them.

Two fractions can look different and still name the same amount. One half equals two quarters, because cutting each half into two pieces doubles both the number of pieces and the number that we take. In general we may multiply the numerator and the denominator by the same number without changing the value of the fraction. This is the key to adding fractions.

Suppose that we want to add one half and one third. The parts have different sizes, so we cannot simply count them together. We first look for a denominator that both two and three divide, and six is the smallest. One half is three sixths, and one third is two sixths. Now the parts have the same size, and we add the numerators: three sixths and two sixths make five sixths. To check the answer, notice that it is a little less than one, as we would expect."""

BINARY_SEARCH = """\
Binary search is a method for finding a value in a sorted list. Imagine that you look up a word in a printed dictionary. You open the book in the middle and compare the word on that page with the word you want. If yours comes earlier in the alphabet, you can forget the second half of the book; if it comes later, you can forget the first half. Then you repeat the step with the half that is left.

Each step halves the number of entries that remain. A list of one thousand entries shrinks to five hundred, then to two hundred and fifty, and after ten steps only a single entry is left. For this reason we say that the running time grows with the logarithm of the length of the list. Doubling the list adds just one more step, whereas a search from the beginning to the end would take twice as long.

The method has one condition: the list must be sorted. If new values arrive often, it may cost more to keep the list in order than the search saves. A common mistake in programs is to forget that the middle of a list with an even number of entries is not unique. It does not matter which of the two middle entries is taken, as long as the part that is searched next becomes strictly smaller each time."""

WATER_CYCLE = """\
The water on our planet moves in a cycle that has no beginning and no end. The sun heats the surface of seas, lakes and rivers, and some of the water evaporates, which means that it changes from a liquid into an invisible gas called water vapour. Plants add to it when they release water through their leaves, a process known as transpiration.

Warm air rises and cools on its way up. Cold air can hold less vapour than warm air, and so the vapour condenses into tiny droplets around specks of dust. Billions of these droplets form a cloud. When the droplets grow too heavy to float they fall as rain, or as snow and hail where the air is cold enough. Scientists call all of these forms precipitation.

Some of the rain runs over the land into streams and rivers and returns to the sea. Another part soaks into the ground, where it fills the spaces between grains of sand and cracks in the rock. This groundwater feeds springs and wells, and it may stay below the surface for thousands of years. The total amount of water on Earth hardly changes; what changes is where it is and whether it is solid, liquid or gas."""

SUPPLY_AND_DEMAND = """\
In a market the price of a good depends on how much of it people want to buy and how much others want to sell. Economists call the first quantity demand and the second supply. When the price of apples rises, some buyers choose pears instead, so the demand for apples falls. At the same time growers find it worth their while to pick and sell more of them, so the supply rises.

Somewhere between a very low and a very high price lies one at which both quantities are equal. It is called the equilibrium price. If the price is above it, growers are left with apples that nobody buys, and they lower the price to get rid of them. If the price is below it, the shelves are empty by noon, and sellers learn that they can ask for more. In both cases the price moves towards the equilibrium.

The equilibrium itself can shift. Suppose that a late frost destroys half of the blossoms. At every price there are now fewer apples for sale, and the curve of supply moves to the left. The new equilibrium has a higher price and a smaller quantity. A good example of a shift in demand is a report that apples are good for the heart: people buy more at every price, and both the price and the quantity rise."""

NEWTON = """\
Newton's first law of motion states that an object stays at rest, or keeps moving in a straight line at constant speed, unless a force acts on it. This sounds strange at first, because in daily life moving things come to a stop. They do so because friction acts on them. A puck that slides over smooth ice travels much farther than one that slides over grass, and in space, where there is hardly any friction, a probe can travel for years with its engine off.

The second law tells us what a force does. It changes the velocity of an object, and the acceleration equals the force divided by the mass. A force of ten newtons gives a mass of two kilograms an acceleration of five metres per second squared. If we double the mass and keep the force, the acceleration is only half as large. This explains why a loaded lorry needs a longer distance to stop than an empty one with the same brakes.

The third law says that forces come in pairs. When you push against a wall, the wall pushes back on you with an equal force in the opposite direction. The two forces act on different bodies, so they do not cancel each other. A swimmer pushes water backwards, and the water pushes the swimmer forwards."""

VACCINES = """\
A vaccine prepares the body to fight an infection before it meets the real germ. The immune system recognises a germ by the shape of molecules on its surface, which are called antigens. The first time that it meets an antigen it needs one or two weeks to produce antibodies that fit. During that time the germ can multiply, and the person falls ill.

After the infection most of the cells that made the antibodies die, but some remain as memory cells. If the same germ enters the body again, these cells produce antibodies within hours, and the person often does not notice the infection at all. A vaccine makes use of this memory. It contains the antigen without the danger: a weakened or killed germ, a single protein from its surface, or the instructions with which our own cells can build that protein for a short time.

Vaccines also protect people who cannot be vaccinated, such as newborn children. If most people in a town are immune, a germ finds few bodies in which it can multiply, and the chain of infection breaks. The share of people who must be immune depends on how easily the disease spreads. For measles, one of the most contagious diseases that we know, it is about ninety-five in a hundred."""

DIARY = """\
So we finally made it to the lake this weekend, and what can I say, it was just perfect. We left way too late on Friday because Tom could not find his sunglasses, which of course were on his head the whole time. The drive was fine apart from the usual mess around the bridge, and we stopped for burgers at that place with the red sign that everybody keeps talking about. Honestly, they were okay, nothing special, but the fries were great.

The cabin looked even cuter than in the pictures. My sister had already lit the fire and opened a bottle of wine, so we sat on the porch and laughed until midnight about the old days. On Saturday nobody wanted to get up. I read two chapters of my novel, the boys played cards, and in the afternoon we all jumped into the water, which was freezing but so much fun.

I took about two hundred photos and I promise to post the best ones next week when I am back at my own desk. Thank you to everybody who wrote such sweet comments on my last post, you really made my day. Next month we want to try the coast, so if you know a nice place that takes dogs, let me know."""

SHOP = """\
Welcome to our family store, where we have been selling quality kitchens at fair prices for over thirty years. Our friendly team is happy to help you with your project, from the first idea to the last screw. Visit our showroom in the heart of the city and see the newest models for yourself. We are open from Monday to Saturday, and there is free parking behind the building.

This month you can save up to forty percent on selected models, and with every kitchen we give you a dishwasher for free. Delivery is free within the county, and our fitters will take your old kitchen away if you wish. Ask for our easy payment plan, which lets you enjoy your new kitchen now and pay for it later. Our customers love us, and we have the reviews to prove it.

Do not miss this offer, because it ends on the last day of the month. Call us today or write us a message, and we will get back to you within a day. You can also follow us to see pictures of our latest projects and to hear about special deals before everybody else does. We look forward to meeting you and to making your dream come true."""

GERMAN = """\
Die Photosynthese ist ein Vorgang, bei dem grüne Pflanzen aus Wasser und Kohlendioxid mit Hilfe des Sonnenlichts Zucker aufbauen. Sie findet in den Chloroplasten statt, kleinen Körpern in den Zellen der Blätter. Dabei entsteht Sauerstoff, den die Pflanze durch die Spaltöffnungen an die Luft abgibt. Fast alle Nahrungsketten auf der Erde beginnen mit diesem Vorgang, denn Tiere können Zucker nicht selbst aus Licht gewinnen."""

NAMES = """\
Results of the Harbour Run, men and women. Anna Nowak, Old Town Runners. Peter Lindholm, Green Valley Club. Maria Santos, River Side Team. John Carter, Old Town Runners. Luca Rossi, Lake View Athletics. Helen Brown, Green Valley Club. Jan de Vries, North Shore Harriers. Emma Wilson, River Side Team. Kim Lee, East Park Joggers. Robert Miller, Lake View Athletics. Sofia Keller, Old Town Runners. David Evans, North Shore Harriers. Laura Martin, East Park Joggers. Thomas Wright, Green Valley Club."""

PARTS = "\n".join(
    f"{part} m{4 + number % 7} {finish}, {12 + 3 * number} mm, pack {5 * number + 10}, in stock {7 * number + 31}"
    for number, part in enumerate(
        (
            "hex bolt", "lock nut", "flat washer", "set screw", "eye bolt", "wing nut", "spring washer", "coach screw",
            "dowel pin", "cotter pin", "cap nut", "stud rod", "hose clip", "angle bracket", "cable tie", "wood screw",
            "pop rivet", "shelf peg", "door hinge", "gate latch",
        )
    )
    for finish in (("zinc plated", "stainless steel", "black oxide")[number % 3],)
)  # fmt: skip

SHORT = "This page has moved. Please update your bookmarks and use the new address from now on. Thank you."

LOREM_IPSUM = """\
This is the starting page of a new site, and its author has not yet had the time to write it. The text below only shows where the words will stand when they are ready. It has been put there by the program that made the page, and it will be replaced soon. Until then the reader may enjoy the design, and have a look at the colours and the pictures.

Lorem ipsum dolor sit amet, and so on until the end of the paragraph. The owner of this site asks the reader to have patience. There will be a page with news, a page about the team, and a page that tells how to find us."""

CODE_PAGE = """\
To add a button to the page you write a short function and attach it to the element. The function is called each time that the visitor presses the button. It is good practice to give the function a name that says what it does. Here is the whole of it, and you can copy it into your own page.

function greet() { alert("Hello, and welcome to the page."); }

Now save the file and load the page again. You should see the button at the top of the page. If nothing happens when you press it, have a look at the console of the browser, which tells you about mistakes in the program. The most common of them is a missing bracket at the end."""

BULLETS = "\n".join(
    f"- {verb} the {thing} that you have with you, and put it to the {place} of the room."
    for verb, thing, place in [
        ("Bring", "lamp", "back"), ("Take", "chair", "front"), ("Carry", "table", "left"), ("Move", "sofa", "right"),
        ("Lift", "carpet", "middle"), ("Push", "shelf", "corner"), ("Fold", "blanket", "side"), ("Roll", "poster", "door"),
        ("Hang", "mirror", "window"), ("Place", "vase", "wall"), ("Turn", "clock", "end"), ("Set", "basket", "start"),
    ]
)  # fmt: skip

ELLIPSES = "\n".join(
    [
        "The council met on Monday to talk about the plans for the old harbour and the people who live there...",
        "A young painter from the north has won the prize that every gallery in the country wants to have...",
        "After ten years of work the bridge over the river is open, and it was worth the wait for all of us...",
        "The team lost its third game in a row, and the coach says that he knows what has to be changed...",
        "What to plant in a small garden, and when to do it, is the question that our readers ask most often.",
        "The weather will stay warm for the rest of the week, with a little rain to be expected on Friday.",
    ]
)

REPEATED_LINES = "\n".join(
    f"{line}"
    for day in ("first", "second", "third", "fourth", "fifth")
    for line in (
        f"On the {day} day we had a long walk along the coast and looked at the boats of the fishermen.",
        "Book a room now, and have the best price for it, with breakfast and a view of the sea.",
    )
)

KEYWORDS = """\
Cheap hotels beach resort holiday deals discount flights luxury villas family apartments city breaks cruise offers travel insurance car rental airport transfer guided tours museum tickets concert tickets theme park passes ski passes spa weekends golf holidays walking holidays cycling holidays camping sites caravan parks boat hire fishing trips wine tasting cooking classes language schools summer camps winter sports adventure travel safari tours island hopping train journeys bus tours. Book today. Save money. Travel more."""

MENU_LINES = "\n".join(
    [
        "The opening hours of the library and of the reading room in the main building",
        "How to get a card, and what you have to bring with you when you come",
        "Books that have been asked for by our readers in the last month",
        "The list of the journals that we have, with the years of each",
        "What to do with a book that you have lost or that is damaged",
        "Rooms for groups that want to work and to talk with each other",
        "A tour of the building for pupils and for students, with a guide.",
        "The history of the library, and of the people who have built it",
        "Rules that we ask every visitor to keep, and the reasons for them.",
        "Who to write to if you have a question about the library.",
        "Where to find the map of the city and of the old harbour",
        "The prices of copies and of prints, and how you can pay",
        "News from the friends of the library and how to join them",
        "Jobs that are open, and what we have to offer to you",
        "The plan of the week, with the names of the speakers",
        "The form that you have to fill in for a loan from abroad",
        "The shelves that are closed until the end of the works",
        "The rooms with computers, and the programs that are on them",
        "The archive of the town, and what is to be seen there",
        "The cafe, with the menu of the day and its hours",
        "The garden behind the house, which is open to all of you",
        "The stairs and the lift, and the way for wheelchairs",
        "The box for books that you bring back in the night",
        "The desk that lends umbrellas to readers when it rains",
        "The corner for children, with the times of the readings",
        "The lockers, and what to do when you have lost the key",
    ]
)
