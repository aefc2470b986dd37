"""The ordered word rules of ``titles`` in German, read after compounds were taken apart:
``Vertriebsleiterin`` is ``vertrieb leiter``. Words are written without umlauts."""

from __future__ import annotations

from services.enrichment.offline.title_rules import Rules

HEADS = (
    "administrator", "analyst", "angestellt", "architekt", "assistent", "assistenz", "beauftragt",
    "berater", "betreuer", "bevollmachtigt", "buchhalter", "chef", "designer", "direktor",
    "einkaufer", "entwickler", "gestalter", "informatiker", "ingenieur", "kauffrau", "kaufmann",
    "konstrukteur", "koordinator", "leiter", "leitung", "manager", "mitarbeiter", "prufer",
    "redakteur", "referent", "sachbearbeiter", "sprecher", "spezialist", "techniker",
    "verantwortlich", "verkaufer", "vertreter", "vorstand",
)  # fmt: skip
"""What German compounds end in; before it stands what the person does it for."""

WHOLE = frozenset(
    {
        "abteilungsleiter", "bereichsleiter", "betriebsleiter", "buchhalter", "einkaufer",
        "fachinformatiker", "geschaftsleiter", "geschaftsleitung", "gruppenleiter",
        "niederlassungsleiter", "regionalleiter", "schichtleiter", "standortleiter",
        "steuerberater", "teamleiter", "teamleitung", "unternehmensberater", "verkaufer",
        "werkleiter", "werksleiter", "wirtschaftsprufer",
    }
)  # fmt: skip
"""Compounds that mean more than their parts."""

SPELLINGS = {
    "geschaeftsfuehrer": "geschaftsfuhrer", "geschaeftsfuehrerin": "geschaftsfuhrer",
    "geschaeftsfuehrung": "geschaftsfuhrung", "geschaeftsleitung": "geschaftsleitung",
    "geschaftsfuhrerin": "geschaftsfuhrer", "einkaeufer": "einkaufer",
    "einkaeuferin": "einkaufer", "verkaeufer": "verkaufer", "verkaeuferin": "verkaufer",
    "gruender": "grunder", "gruenderin": "grunder", "grunderin": "grunder",
    "inhaberin": "inhaber", "prokuristin": "prokurist", "stv": "stellvertretender",
    "gf": "geschaftsfuhrer", "edv": "it",
}  # fmt: skip
"""Words that stand for others."""

FIRST: Rules = (
    ("ic", "assistent der geschaftsfuhrung, assistenz der geschaftsfuhrung, "
           "assistent der geschaftsleitung, assistenz der geschaftsleitung, "
           "assistent des vorstand*, vorstand assistent, vorstands assistent, "
           "referent der geschaftsfuhrung, referent der geschaftsleitung, referent des vorstand*, "
           "projekt manager, produkt manager, qualitat manager, prozess manager, kunden manager, "
           "projekt assistent, vertriebs assistent, vertrieb assistent"),
    ("manager", "teamleiter, teamleitung, gruppenleiter, schichtleiter, regionalleiter, "
                "filial leiter, projekt leiter"),
    ("intern", "werkstudent*, praktikant*, auszubildende*, azubi, volontar*, duales studium"),
    ("student", "studentin, doktorand*"),
)  # fmt: skip
"""What must be seen before any word of rank."""

SENIORITY: Rules = (
    ("c_suite", "geschaftsfuhrer, geschaftsfuhrende*, geschaftsfuhrung, geschaftsleitung, "
                "geschaftsleiter, vorstand, vorstands*, inhaber, grunder, mitgrunder*, "
                "gesellschafter*, generaldirektor, general direktor"),
    ("director", "direktor, prokurist"),
    ("head", "leiter, leitung, abteilungsleiter, bereichsleiter, werksleiter, werkleiter, "
             "betriebsleiter, niederlassungsleiter, standortleiter, chefredakteur, "
             "chef redakteur"),
    ("senior", "leitend*, architekt"),
    ("ic", "assistent, assistenz, mitarbeiter, sachbearbeiter, referent, berater, betreuer, "
           "angestellt, angestellte*, techniker, koordinator, spezialist, redakteur, gestalter, "
           "administrator, kaufmann, kauffrau, sprecher, vertreter, sekretar*, beauftragt, "
           "verantwortlich, unternehmensberater, recruiterin"),
)  # fmt: skip

DEPARTMENTS_FIRST: Rules = (
    ("general_management", "assistent der geschaftsfuhrung, assistenz der geschaftsfuhrung, "
                           "assistent der geschaftsleitung, assistenz der geschaftsleitung, "
                           "referent der geschaftsfuhrung"),
    ("security", "informationssicherheit*, it sicherheit*, datensicherheit*"),
    ("hr", "recruiterin"),
)  # fmt: skip

DEPARTMENTS: Rules = (
    ("customer_success", "kundenservice*, kundenbetreu*, kunden betreuer, kunden service, "
                         "service techniker, kundendienst*"),
    ("sales", "vertrieb*, verkauf*, verkaufer, aussendienst*, innendienst*, gebietsverkauf*, "
              "handel vertreter, handels vertreter, gebiet vertreter, gebiets vertreter"),
    ("customer_success", "kunden berater"),
    ("marketing", "offentlichkeitsarbeit, unternehmenskommunikation, kommunikation*, "
                  "redakteur, presse*, veranstaltung*, online marketing, werbung, werbe*"),
    ("product", "produktmanagement, produkt manager, produktmarketing"),
    ("hr", "personal, personal*, lohn, lohn*, ausbildungs*"),
    ("finance", "finanz*, buchhalt*, rechnungswesen, controlling, bilanz*, steuer*, "
                "wirtschaftsprufer, kaufmannischer leiter, kaufmannische leiter, "
                "kaufmannischer geschaftsfuhrer, kaufmannische leitung"),
    ("procurement", "einkauf*, beschaffung*"),
    ("legal", "recht, rechts*, rechtsanwalt*, jurist*, syndikus*, justiziar*, datenschutz*"),
    ("engineering", "anwendungsentwicklung, software*, entwicklung, entwicklung*, entwickler, "
                    "programmier*, konstrukt*, technischer leiter, technische leitung, "
                    "technischer geschaftsfuhrer, maschinenbau*, elektro*, web entwickler, "
                    "test ingenieur"),
    ("it", "informationstechnologie, informationstechnik, fachinformatiker*, system administrator, "
           "netzwerk*, sap berater, anwendung betreuer, anwendungs betreuer, system*"),
    ("data", "daten analyst, daten*"),
    ("research", "forschung*, wissenschaft*"),
    ("design", "grafik*, medien gestalter, medien*"),
    ("operations", "produktion*, logisti*, lager*, werksleiter, werkleiter, betriebsleiter, "
                   "qualitat*, instandhaltung*, fertigung*, projekt manager, projekt leiter, "
                   "projekt koordinator, projekt assistent, prozess*, disponent*, montage*, "
                   "materialwirtschaft"),
    ("other", "lehrer*, dozent*, studentin, doktorand*"),
)  # fmt: skip

DEPARTMENTS_LAST: Rules = (
    ("engineering", "ingenieur*"),
    ("general_management", "geschaftsfuhrer, geschaftsfuhrende*, geschaftsfuhrung, "
                           "geschaftsleitung, geschaftsleiter, vorstand, vorstands*, inhaber, "
                           "grunder, mitgrunder*, gesellschafter*, generaldirektor, "
                           "general direktor, prokurist, niederlassungsleiter, standortleiter"),
)  # fmt: skip
