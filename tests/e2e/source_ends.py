"""How each source's examples end."""

from __future__ import annotations

# (source, example) -> e-mail, name, company, kind, channel, utm source and campaign
PEOPLE: dict[tuple[str, str], tuple[str | None, ...]] = {
    ("api", "lead"): (
        "petra@vanarsdel.example", "Petra Holm", "VanArsdel", "demo_request", "organic_search",
        None, None,
    ),
    ("calcom", "booking_created"): (
        "noor@contoso.example", "Noor Aziz", "Contoso", "demo_request", "paid_search",
        "google", "brand",
    ),
    ("calcom", "form_submitted"): (
        "ravi@fabrikam.example", "Ravi Menon", None, "demo_request", "unknown", None, None,
    ),
    ("calcom", "own_template"): (
        "mia@wingtip.example", "Mia Lund", "Wingtip", "demo_request", "unknown", "partner-page",
        None,
    ),
    ("calendly", "invitee_created"): (
        "ines.prado@tailspin.example", "Inês Prado", "Tailspin Toys", "demo_request",
        "paid_social", "linkedin", "autumn-demo",
    ),
    ("calendly", "routing_form"): (
        "omar@litware.example", "Omar Haddad", None, "demo_request", "email", "newsletter",
        "november",
    ),
    ("contact_form_7", "contact_form_7"): (
        "aiko@wingtiptoys.example", "Aiko Mori", "Wingtip Toys", "contact_sales", "paid_search",
        "bing", "wingtip",
    ),
    ("g2", "g2"): (
        "rosa@cohowinery.example", "Rosa Vidal", "Coho Winery", "demo_request", "review_site",
        "g2", "profile",
    ),
    ("gravity_forms", "gravity_forms"): (
        "elif@alpineski.example", "Elif Aydin", "Alpine Ski House", "contact_sales",
        "paid_search", "google", "alpine-brand",
    ),
    ("google_ads", "lead"): (
        "dana@bellows.example", "Dana Larsen", "Northwind Traders", "demo_request", "paid_search",
        None, None,
    ),
    ("google_ads", "performance_max"): (
        "erin@fabrikam.example", "Erin Okafor", None, "demo_request", "paid_search", None, None,
    ),
    ("hubspot_workflow", "contact_plain"): (
        "erin@fabrikam.example", "Erin", "Fabrikam", "demo_request", "unknown", None, None,
    ),
    ("hubspot_workflow", "contact_with_history"): (
        "dana@northwind.example", "Dana Larsen", "Northwind Traders", "demo_request",
        "paid_search", None, None,
    ),
    ("hubspot_app", "created"): (
        "greta@apollo.example", "Greta Lind", "Apollo Robotics", "contact_sales", "unknown",
        None, None,
    ),
    ("linkedin_lead_gen", "created"): (
        "hugo@lamna.example", "Hugo Brandt", "Lamna", "demo_request", "paid_social", "linkedin",
        "autumn",
    ),
    ("meta_lead_ads", "lead"): (
        "ida@munson.example", "Ida Sorel", "Munson's", "demo_request", "paid_social", None, None,
    ),
    ("jotform", "broken_raw_request"): (
        "erin@relecloud.example", "", None, "demo_request", "unknown", None, None,
    ),
    ("jotform", "submission"): (
        "dana@relecloud.example", "Dana Okafor", "Northwind", "demo_request", "unknown",
        "google", None,
    ),
    ("netlify", "submission"): (
        "sofia@woodgrove.example", "Sofia Marin", "Woodgrove", "contact_sales", "paid_search",
        "google", "de-brand",
    ),
    ("other_form", "form_encoded"): (
        "dana@treyresearch.example", "Dana Okafor", None, "contact_sales", "unknown", None,
        "brand",
    ),
    ("other_form", "form_encoded_accents"): (
        "jorg@humongous.example", "Jörg Müller", "Café Niño 東京", "contact_sales", "unknown",
        None, "märz",
    ),
    ("other_form", "multipart"): (
        "dana@treyresearch.example", "", "Northwind", "contact_sales", "unknown", None, None,
    ),
    ("other_form", "nested"): (
        "dana@treyresearch.example", "Dana Okafor", "Northwind", "contact_sales", "unknown",
        "google", None,
    ),
    ("partner_events", "binary_data"): (
        "hana@relecloud.example", "Hana Sato", "Relecloud", "referral", "partner", "acme-partner",
        None,
    ),
    ("partner_events", "structured"): (
        "tariq@lucerne.example", "Tariq Nasser", "Lucerne Publishing", "referral", "partner",
        "acme-partner", "referrals",
    ),
    ("segment", "track"): (
        "kofi@adatum.example", "Kofi Mensah", "Adatum", "free_trial", "paid_search", "bing",
        "competitors",
    ),
    ("segment", "identify"): (
        "lena@proseware.example", "Lena Vogt", "Proseware", "free_trial", "review_site", "g2",
        "profile",
    ),
    ("tally", "response"): (
        "dana@humongous.example", "Dana Okafor", "Northwind", "demo_request", "paid_search",
        "google", None,
    ),
    ("typeform_demo", "response"): (
        "dilan@northwind.example", "Dilan Kaya", "Northwind Traders", "demo_request",
        "paid_search", "google", "demo",
    ),
    ("unbounce", "unbounce"): (
        "dana@treyresearch.example", "Dana", "Northwind", "demo_request", "unknown", "google",
        None,
    ),
    ("visitors", "person"): (
        "uma@cohovineyard.example", "Uma Patel", "Coho Vineyard", "other", "visitor_id", None, None,
    ),
    ("webflow", "submission"): (
        "dana@wingtip.example", "Dana Okafor", "Northwind", "demo_request", "unknown", "google",
        None,
    ),
    ("website", "lead_created"): (
        "jonas@margies.example", "Jonas Berg", "Margie's Travel", "contact_sales", "paid_search",
        "google", "contact",
    ),
    ("wpforms", "wpforms"): (
        "marek@fourthcoffee.example", "Marek Nowak", "Fourth Coffee", "contact_sales",
        "paid_social", "linkedin", "november",
    ),
}  # fmt: skip
# Several people in one delivery, each a submission: (source, example) -> their addresses.
BATCHES: dict[tuple[str, str], set[str]] = {
    ("hubspot_app", "batch"): {"jan@apollo.example", "nils@apollo.example"},
    ("partner_events", "batch"): {"one@graphic.example", "two@humongous.example"},
    ("segment", "batch"): {"ama@adatum.example", "yaw@alpine.example"},
}
ASIDE = {
    ("calendly", "invitee_canceled"): "ignored_event",
    ("calendly", "moved"): "ignored_event",
    ("calcom", "ping"): "ignored_event",
    ("calcom", "not_json"): "unparsable",
    ("segment", "other_event"): "ignored_event",
    ("segment", "anonymous"): "unparsable",
    ("netlify", "no_data"): "unparsable",
    ("partner_events", "other_type"): "ignored_event",
    ("partner_events", "data_is_text"): "unparsable",
    ("website", "other_type"): "ignored_event",
    ("typeform_demo", "nobody"): "unparsable",
    ("google_ads", "test_lead"): "test",
    ("hubspot_app", "other_events"): "ignored_event",
    ("hubspot_app", "not_a_list"): "unparsable",
    ("meta_lead_ads", "other_field"): "ignored_event",
    ("meta_lead_ads", "no_id"): "unparsable",
    ("linkedin_lead_gen", "deleted"): "ignored_event",
    ("dialler", "nobody"): "unparsable",
    ("visitors", "nobody"): "unparsable",
}

# (source, example) -> the signal, and its company
SIGNALS = {("visitors", "company"): ("traffic", "cohovineyard.example")}

# (source, example) -> the activity, and whom it is about
HAPPENED = {
    ("dialler", "picked_up"): ("call_connected", "+4930901820"),
    ("dialler", "form_encoded"): ("call_attempted", "+4930901820"),
    ("hubspot_engagements", "call"): ("call_connected", "dana@northwind.example"),
    ("hubspot_engagements", "meeting"): ("no_show", "dana@northwind.example"),
    ("outreach", "call_answered"): ("call_connected", "+4930901820"),
    ("outreach", "mailing_delivered"): ("email_sent", "dana@northwind.example"),
    ("salesforce_activities", "call"): ("call_connected", "dana@northwind.example"),
    ("salesforce_activities", "event"): ("meeting_booked", "dana@northwind.example"),
    ("salesloft", "call_connected"): ("call_connected", "+4930901820"),
}
