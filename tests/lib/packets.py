"""Scapy's layers that the tests use, in half the time: without its list of manufacturers, which takes longer to
read than scapy itself, and without the other two hundred protocols of scapy.all."""
import logging, os.path, warnings

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)
warnings.filterwarnings("ignore")
_exists = os.path.exists
os.path.exists = lambda path: not str(path).endswith("share/wireshark/manuf") and _exists(path)
import scapy.data
os.path.exists = _exists
from scapy.config import conf
from scapy.layers.inet import *
from scapy.layers.inet6 import *
from scapy.layers.ipsec import *
from scapy.layers.l2 import *
from scapy.packet import Raw
from scapy.sendrecv import sendp
from scapy.utils import RawPcapReader, rdpcap, wrpcap

conf.verb = 0
