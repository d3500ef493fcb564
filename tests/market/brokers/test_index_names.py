"""Indices have the platform's names, whichever way a broker writes them."""

from oadb.market.brokers import index_names
from tests.support.each import for_each

NAMES = {
    ("NSE_INDEX", "NIFTY"): ["NIFTY 50", "Nifty 50", "NIFTY50", "NIFTY", "NIFTY INDEX"],
    ("NSE_INDEX", "BANKNIFTY"): ["NIFTY BANK", "Nifty Bank", "BANKNIFTY", "NIFTYBANK"],
    ("NSE_INDEX", "FINNIFTY"): ["NIFTY FIN SERVICE", "Nifty Financial Services", "FINNIFTY"],
    ("NSE_INDEX", "MIDCPNIFTY"): ["NIFTY MID SELECT", "Nifty Midcap Select", "MIDCPNIFTY"],
    ("NSE_INDEX", "NIFTYNXT50"): ["NIFTY NEXT 50", "Nifty Next 50", "NIFTYNXT50"],
    ("NSE_INDEX", "INDIAVIX"): ["INDIA VIX", "India VIX", "INDIAVIX"],
    ("NSE_INDEX", "NIFTYSMLCAP250"): ["NIFTY SMLCAP 250", "NIFTY SMALLCAP 250"],
    ("NSE_INDEX", "NIFTY100QUALTY30"): ["NIFTY100 QUALTY30", "NIFTYQUALITY30"],
    ("NSE_INDEX", "HANGSENGBEESNAV"): ["HangSeng BeES-NAV", "HANGSENG BEES-NAV"],
    ("BSE_INDEX", "SENSEX"): ["SENSEX", "BSE SENSEX", "S&P BSE SENSEX"],
    ("BSE_INDEX", "SENSEX50"): ["SNSX50", "SENSEX50", "S&P BSE SENSEX 50"],
    ("BSE_INDEX", "BANKEX"): ["BANKEX", "BSE BANKEX", "S&P BSE BANKEX"],
    ("BSE_INDEX", "BSESENSEXNEXT50"): ["SNXT50", "S&P BSE SENSEX Next 50"],
    ("BSE_INDEX", "BSE100"): ["100", "BSE100", "BSE 100", "S&P BSE 100"],
    ("BSE_INDEX", "BSEAUTO"): ["AUTO", "BSE AUTO", "S&P BSE AUTO"],
    ("BSE_INDEX", "BSECAPITALGOODS"): ["CG", "BSE CG", "BSECG", "S&P BSE Capital Goods"],
    ("BSE_INDEX", "BSEINFORMATIONTECHNOLOGY"): ["IT", "BSEIT", "S&P BSE Information Technology"],
    ("BSE_INDEX", "BSEOIL&GAS"): ["OILGAS", "BSE OIL&GAS", "S&P BSE OIL & GAS"],
    ("BSE_INDEX", "BSE150MIDCAPINDEX"): ["MID150", "BSE 150 MIDCAP INDEX", "S&P BSE 150 MidCap"],
    ("BSE_INDEX", "BSESMEIPO"): ["SMEIPO", "SME IPO", "S&P BSE SME IPO"],
    ("BSE_INDEX", "BSEINDIAMANUFACTURING"): ["MFG", "S&P BSE India Manufacturing"],
    ("GLOBAL_INDEX", "GIFTNIFTY"): ["GIFT NIFTY", "GIFTNIFTY"],
}


@for_each("known", [(place, name) for place, names in NAMES.items() for name in names])
def test_an_index_has_the_name_of_the_platform(known: tuple[tuple[str, str], str]) -> None:
    place, name = known
    listed_on = place[0] if place[0] != "GLOBAL_INDEX" else "NSE_INDEX"

    assert index_names.find(listed_on, name) == place


def test_an_index_that_is_not_in_the_table_keeps_its_name_in_capitals() -> None:
    assert index_names.find("NSE_INDEX", "Nifty Lime-Kilns") == ("NSE_INDEX", "NIFTYLIMEKILNS")
    assert index_names.find("BSE_INDEX", "S&P BSE Lime") == ("BSE_INDEX", "BSELIME")
    assert index_names.find("MCX_INDEX", "MCX Bulldex") == ("MCX_INDEX", "MCXBULLDEX")


def test_the_name_of_an_index_of_one_exchange_is_not_that_of_another() -> None:
    assert index_names.find("NSE_INDEX", "AUTO") == ("NSE_INDEX", "AUTO")
    assert index_names.find("MCX_INDEX", "ENERGY") == ("MCX_INDEX", "ENERGY")
