"""The ordered word rules of ``titles`` in French. Words are written without accents."""

from __future__ import annotations

from services.enrichment.offline.title_rules import Rules

SPELLINGS = {
    "directrice": "directeur", "cheffe": "chef", "chargee": "charge", "fondatrice": "fondateur",
    "cofondatrice": "fondateur", "cofondateur": "fondateur", "gerante": "gerant",
    "presidente": "president", "dirigeante": "dirigeant", "ingenieure": "ingenieur",
    "attachee": "attache", "conseillere": "conseiller", "assistante": "assistant",
    "technicienne": "technicien", "acheteuse": "acheteur", "vendeuse": "vendeur",
    "developpeuse": "developpeur", "commerciale": "commercial", "coordinatrice": "coordinateur",
    "redactrice": "redacteur", "controleuse": "controleur", "recruteuse": "recruteur",
    "deleguee": "delegue", "associee": "associe", "avocate": "avocat", "adjointe": "adjoint",
    "etudiante": "etudiant", "alternante": "alternant", "apprentie": "apprenti",
    "administratrice": "administrateur", "enseignante": "enseignant", "chercheuse": "chercheur",
    "pdg": "president directeur general", "dg": "directeur general", "dga": "directeur general",
    "drh": "directeur ressources humaines", "daf": "directeur financier",
    "dsi": "directeur informatique", "rssi": "responsable securite informatique",
    "raf": "responsable financier", "rh": "ressources humaines", "sav": "service client",
}  # fmt: skip
"""Words that stand for others; ``rh`` and the like also where they stand alone."""

FIRST: Rules = (
    ("ic", "assistant de direction, secretaire de direction, chef de projet, chef de produit, "
           "chef de publicite, charge d affaires, responsable de compte, responsable de clientele, "
           "responsable de secteur, assistant marketing, assistant commercial, "
           "assistant ressources humaines, assistant comptable, expert comptable"),
    ("c_suite", "president directeur general, directeur general, directeur generale, "
                "chef d entreprise, president du directoire, associe gerant"),
    ("manager", "chef d equipe, chef de service, chef d atelier, chef des ventes, chef comptable, "
                "chef de departement, chef d agence"),
    ("intern", "stagiaire, alternant, apprenti"),
    ("student", "etudiant, doctorant*"),
)  # fmt: skip

SENIORITY: Rules = (
    ("c_suite", "fondateur, gerant, dirigeant, associe"),
    ("director", "directeur"),
    ("manager", "responsable"),
    ("senior", "architecte"),
    ("ic", "charge, attache, conseiller, assistant, technicien, technico, vendeur, delegue, "
           "consultant, gestionnaire, coordinateur, conducteur, analyste, secretaire, "
           "administrateur, redacteur, infographiste, teleconseiller"),
)  # fmt: skip

DEPARTMENTS_FIRST: Rules = (
    ("general_management", "assistant de direction, secretaire de direction"),
    ("it", "support informatique"),
    ("research", "ingenieur de recherche"),
    ("data", "ingenieur donnees"),
)  # fmt: skip

DEPARTMENTS: Rules = (
    ("security", "securite informatique, cybersecurite"),
    ("customer_success", "service client, relation client, support client, satisfaction client, "
                         "experience client, charge de clientele bancaire, conseiller clientele, "
                         "teleconseiller"),
    ("engineering", "qualite logiciel*, developpement logiciel, bureau d etudes"),
    ("sales", "commercial*, vente, ventes, vendeur, grands comptes, administration des ventes, "
              "adv, charge d affaires, charge de clientele, technico commercial, "
              "developpement commercial"),
    ("marketing", "communication, evenementiel*, redacteur, presse, publicite, e commerce, "
                  "numerique marketing"),
    ("product", "chef de produit, directeur produit, responsable produit, directeur produits"),
    ("hr", "ressources humaines, recrutement, recruteur, formation, paie"),
    ("finance", "financier*, comptab*, comptable, expert comptable, controle de gestion, "
                "controleur de gestion, tresor*, auditeur, fiscal*"),
    ("it", "informatique, systeme d information, systemes d information, "
           "responsable si, systeme*, reseau*"),
    ("procurement", "achat*, acheteur, approvisionn*"),
    ("legal", "juridique*, juriste, avocat, conformite"),
    ("data", "donnees, analyste de donnees"),
    ("research", "recherche, chercheur"),
    ("design", "graphiste, infographiste"),
    ("engineering", "logiciel*, developpeur, developpement, ingenierie, etudes, "
                    "directeur technique, responsable technique, architecte"),
    ("operations", "logistique, production, operations, operation, usine, qualite, industriel*, "
                   "maintenance, exploitation, atelier, responsable de site, chef de projet, "
                   "charge de projet, gestionnaire de stock, conducteur de travaux, travaux"),
    ("other", "enseignant, professeur, etudiant, doctorant*"),
)  # fmt: skip

DEPARTMENTS_LAST: Rules = (
    ("engineering", "ingenieur"),
    ("general_management", "president, directeur general, directeur generale, fondateur, gerant, "
                           "dirigeant, associe, chef d entreprise, directeur de cabinet, "
                           "agence, filiale"),
)  # fmt: skip
