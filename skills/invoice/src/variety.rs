//! Invoices of many kinds: what each is read as in the end.

use crate::tests::plain;

/// Number, date, currency, net, tax and total.
type Read<'a> = (&'a str, &'a str, &'a str, i64, i64, i64);

fn is_read_as(text: &str, expected: Read<'_>) {
    let invoice = plain(text).0.unwrap();
    let read = (
        invoice.number.as_str(),
        invoice.date.as_str(),
        invoice.currency.as_str(),
        invoice.net,
        invoice.tax,
        invoice.total,
    );
    assert_eq!(read, expected);
}

#[test]
fn an_australian_tax_invoice() {
    let text = "TAX INVOICE
Bright Spark Electrical Pty Ltd ABN 12 345 678 901
Invoice number INV-00231
Issued 07/11/2025
Due 21/11/2025

Description  Qty  Rate  Amount
Switchboard upgrade  1  850.00  850.00
Labour (hours)  6.5  95.00  617.50
Subtotal 1,467.50
GST 10% 146.75
Total AUD 1,614.25";
    is_read_as(text, ("INV-00231", "2025-11-07", "AUD", 146_750, 14_675, 161_425));
}

#[test]
fn a_french_invoice_with_products_in_a_row() {
    let text = "Facture n° 2025-77 du 12/09/2025
Vendeur: Dupont & Fils
3 x Chaise 45,00 € = 135,00 €
1 x Table 199,90 €
Remise 10 % -33,49 €
Frais de port 12,00 €
Total HT 313,41 €
TVA 20% 62,68 €
Total TTC 376,09 €";
    is_read_as(text, ("2025-77", "2025-09-12", "EUR", 31_341, 6_268, 37_609));
}

#[test]
fn a_spanish_invoice_with_a_date_in_words() {
    let text = "Factura nº 55
Fecha: 3 de diciembre de 2025
Servicio de diseño    10    55,00    550,00
Base imponible 550,00
IVA 21% 115,50
Total 665,50 euros";
    is_read_as(text, ("55", "2025-12-03", "EUR", 55_000, 11_550, 66_550));
}

#[test]
fn an_american_invoice_with_leader_dots() {
    let text = "INVOICE 8812
November 14, 2025
Bill to: Jane Roe, 42 Elm Street, Springfield, IL 62704

Web hosting (12 months) .......... $240.00
Domain name ............ $15.99
Total due: $255.99
Payment terms: net 30";
    is_read_as(text, ("8812", "2025-11-14", "USD", 25_599, 0, 25_599));
}

#[test]
fn a_german_invoice_with_units() {
    let text = "Rechnung 2025-1234
Datum: 05.06.2025
10 Stk Schrauben M8 à 0,15 EUR 1,50 EUR
2,5 kg Nägel 4,00 EUR/kg 10,00 EUR
Versandkosten 4,90 EUR
Summe netto 16,40 EUR
MwSt 19% 3,12 EUR
Rechnungsbetrag 19,52 EUR";
    is_read_as(text, ("2025-1234", "2025-06-05", "EUR", 1_640, 312, 1_952));
}

#[test]
fn a_swiss_invoice_with_apostrophes() {
    let text = "Invoice No. 2025/09/001
Invoice date: 2025-09-01
CHF
Consulting 10 h 1'250.00 12'500.00
VAT 8.1% 1'012.50
Total CHF 13'512.50";
    is_read_as(text, ("2025/09/001", "2025-09-01", "CHF", 1_250_000, 101_250, 1_351_250));
}

#[test]
fn an_invoice_with_unit_prices_only() {
    let text = "Invoice: 12
Date: 1 June 2025
Widget A  100 units @ £2.50
Widget B  20 units @ £1.25
Subtotal: £275.00
VAT @ 20%: £55.00
Grand total: £330.00";
    is_read_as(text, ("12", "2025-06-01", "GBP", 27_500, 5_500, 33_000));
}

#[test]
fn an_invoice_that_was_paid_already() {
    let text = "Invoice 9
Date: 5/13/25
Coffee beans $18.00
Mug $7.50
Subtotal $25.50
Delivery $4.50
Tax $2.04
Total $32.04
Amount paid $32.04
Balance due $0.00";
    is_read_as(text, ("9", "2025-05-13", "USD", 3_000, 204, 3_204));
}

#[test]
fn a_swedish_invoice_with_spaces_in_its_numbers() {
    let text = "FAKTURA
Fakturanummer: 778
Datum: 2025-05-02
Konsultarbete 8 tim 950,00 kr 7 600,00 kr
Netto 7 600,00 kr
Moms 25% 1 900,00 kr
Summa att betala 9 500,00 kr
Sverige";
    is_read_as(text, ("778", "2025-05-02", "SEK", 760_000, 190_000, 950_000));
}

#[test]
fn an_invoice_in_columns_with_bars() {
    let text = "INVOICE
From: Northwind Ltd
Invoice Number: NW/2025-55
Date: 31/12/2025
Currency: EUR

Item | Qty | Unit | Total
Office chair (black) | 2 | 1.234,56 | 2.469,12
Assembly | 1 | 80,00 | 80,00
Subtotal | 2.549,12
Discount 5% | -127,46
VAT 21% | 508,55
Shipping | 25,00
Total | 2.955,21";
    is_read_as(text, ("NW/2025-55", "2025-12-31", "EUR", 244_666, 50_855, 295_521));
}

#[test]
fn an_invoice_with_a_point_in_the_date_and_in_the_amounts() {
    let text = "Invoice INV-1001
Date: 03.12.2025
Hosting 1,000.00 USD
Total: 1,000.00 USD";
    is_read_as(text, ("INV-1001", "2025-12-03", "USD", 100_000, 0, 100_000));
}

#[test]
fn an_invoice_in_prose() {
    let text = "Invoice 100
Date: 2025-01-05
Billed to: ACME, 10 Long Road, London W1 1AA
Consulting, 3 days at 500.00 = 1500.00
Travel 120.50
Net 1620.50
VAT (20%) 324.10
Amount due GBP 1944.60
Pay within 30 days";
    is_read_as(text, ("100", "2025-01-05", "GBP", 162_050, 32_410, 194_460));
}

#[test]
fn a_german_invoice_with_a_remark_on_discounts() {
    let text = "Rechnungsnummer 7
1. Dezember 2025
Artikel A 1 x 1.000,00 €  1.000,00 €
MwSt 19%: 190,00 €
Gesamt: 1.190,00 €
Skonto 2% bei Zahlung in 10 Tagen";
    is_read_as(text, ("7", "2025-12-01", "EUR", 100_000, 19_000, 119_000));
}

#[test]
fn an_invoice_with_two_taxes_and_their_sum() {
    let text = "Invoice # 5
Date 12/25/2025
Service A 1 100.00 100.00
Service B 2 50.00 100.00
Subtotal 200.00
State tax 5% 10.00
City tax 2% 4.00
Total tax 14.00
Total $214.00";
    is_read_as(text, ("5", "2025-12-25", "USD", 20_000, 1_400, 21_400));
}
