//! What a row of an invoice is about, by the words of seven languages. Knows no numbers.

/// What a row is about, by its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The titles of the columns.
    Titles,
    Net,
    Tax,
    Total,
    Discount,
    Shipping,
    /// Addresses, dates, accounts: no amount.
    Other,
    /// Perhaps a line item.
    Item,
}

const TITLES: [&str; 34] = [
    "qty",
    "quantity",
    "description",
    "item",
    "items",
    "price",
    "amount",
    "unit",
    "hours",
    "rate",
    "total",
    "menge",
    "anzahl",
    "beschreibung",
    "bezeichnung",
    "leistung",
    "preis",
    "einzelpreis",
    "betrag",
    "gesamt",
    "pos",
    "quantité",
    "désignation",
    "prix",
    "montant",
    "descripción",
    "cantidad",
    "precio",
    "importe",
    "descrizione",
    "quantità",
    "prezzo",
    "importo",
    "cost",
];
const TOTAL: [&str; 22] = [
    "summa",
    "att betala",
    "å betale",
    "at betale",
    "total",
    "totale",
    "gesamt",
    "gesamtbetrag",
    "gesamtsumme",
    "summe",
    "endbetrag",
    "rechnungsbetrag",
    "zahlbetrag",
    "amount due",
    "balance due",
    "zu zahlen",
    "à payer",
    "a pagar",
    "da pagare",
    "totaal",
    "amount payable",
    "bruttobetrag",
];
const NET: [&str; 13] = [
    "subtotal",
    "sub-total",
    "sub total",
    "zwischensumme",
    "sous-total",
    "nettobetrag",
    "nettosumme",
    "netto",
    "net",
    "subtotaal",
    "imponibile",
    "base imponible",
    "ht",
];
const TAX: [&str; 20] = [
    "vat",
    "tax",
    "taxes",
    "mwst",
    "ust",
    "umsatzsteuer",
    "mehrwertsteuer",
    "tva",
    "iva",
    "gst",
    "hst",
    "pst",
    "qst",
    "btw",
    "moms",
    "steuer",
    "impuesto",
    "igic",
    "mva",
    "taxe",
];
const WITH: [&str; 9] =
    ["incl", "inkl", "including", "included", "inklusive", "ttc", "brutto", "gross", "enthalten"];
const WITHOUT: [&str; 7] = ["excl", "exkl", "excluding", "ohne", "before", "htva", "sin"];
const DISCOUNT: [&str; 11] = [
    "discount",
    "rabatt",
    "skonto",
    "nachlass",
    "remise",
    "rabais",
    "descuento",
    "sconto",
    "korting",
    "rebate",
    "gutschrift",
];
const SHIPPING: [&str; 15] = [
    "shipping",
    "delivery",
    "freight",
    "postage",
    "versand",
    "versandkosten",
    "porto",
    "lieferung",
    "livraison",
    "port",
    "envío",
    "spedizione",
    "handling",
    "fracht",
    "verzendkosten",
];
const OTHER: [&str; 42] = [
    "iban",
    "bic",
    "swift",
    "phone",
    "tel",
    "fax",
    "page",
    "seite",
    "account",
    "konto",
    "kontonummer",
    "sort code",
    "vat id",
    "vat no",
    "vat number",
    "vat reg",
    "tax id",
    "tax no",
    "ust-id",
    "ust-idnr",
    "ustid",
    "steuernummer",
    "steuernr",
    "siret",
    "n° tva",
    "date",
    "datum",
    "due date",
    "fällig",
    "invoice",
    "rechnung",
    "facture",
    "factura",
    "kundennummer",
    "customer",
    "order no",
    "terms",
    "zahlbar",
    "payable within",
    "abn",
    "gst no",
    "zip",
];

impl Kind {
    /// What a line in lower case is about.
    pub(crate) fn of(line: &str) -> Self {
        let says = |words: &[&str]| words.iter().any(|word| says(line, word));
        let has_digits = line.contains(|c: char| c.is_ascii_digit());
        if !has_digits {
            let titles = TITLES.iter().filter(|title| self::says(line, title)).count();
            return if titles >= 2 { Kind::Titles } else { Kind::Other };
        }
        let (total, net, tax, with) = (says(&TOTAL), says(&NET), says(&TAX), says(&WITH));
        let is_label = line.split(|c: char| c.is_ascii_digit()).next().is_some_and(|label| label.len() > 1);
        match () {
            () if says(&DISCOUNT) => Kind::Discount,
            () if total && (with || !net) && !(tax && !with && !says(&WITHOUT)) => {
                if says(&WITHOUT) {
                    Kind::Net
                } else {
                    Kind::Total
                }
            }
            () if says(&[
                "vat id",
                "vat no",
                "vat number",
                "vat reg",
                "tax id",
                "tax no",
                "gst no",
                "n° tva",
            ]) =>
            {
                Kind::Other
            }
            () if tax && !net && !says(&WITHOUT) && is_label => Kind::Tax,
            () if says(&OTHER) => Kind::Other,
            () if is_label && net => Kind::Net,
            () if says(&SHIPPING) => Kind::Shipping,
            () => Kind::Item,
        }
    }
}

/// Whether the line has these words, not merely their letters.
pub(crate) fn says(line: &str, words: &str) -> bool {
    line.match_indices(words).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + words.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}
