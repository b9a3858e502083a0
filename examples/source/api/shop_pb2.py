# -*- coding: utf-8 -*-
DESCRIPTOR = None
