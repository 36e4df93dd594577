"""The national system's field dictionary: every field of a sampling sheet and of a test item, and where it goes.

Codes and names are the dictionary's own. A field is carried to a path of a contract, or it is not, for a reason.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class NotCarried(str):
    """Why a field of the dictionary has no place in the contracts."""


_CONTACT: Final = NotCarried("telephones, post and persons to contact are not needed to follow a sample")
_HANDLING: Final = NotCarried("how a sample was drawn, packed and sent stays with the sampling sheet")
_PRODUCT: Final = NotCarried("describes the product beyond what rates, alerts and routing ask for")
_BUSINESS: Final = NotCarried("describes the sampled party's business beyond its identity, region and stage")
_REMARK: Final = NotCarried("free remarks stay with the sheet and the report")
_STANDARD: Final = NotCarried("the general standard's figure: the contract carries the one applied to this product")
_UNIT: Final = NotCarried("an item has one unit, 结果单位; a limit in another unit is converted by the writer")
_ADDRESS: Final = NotCarried("part of 标识生产企业地址")
_FILING: Final = NotCarried("how the national system files and confirms a record, not what happened to the sample")
_LICENCE: Final = NotCarried("an enterprise is identified by 营业执照号")
_DATE_KIND: Final = NotCarried("may be a date of processing or purchase; the contract carries 生产日期 only")
_QUANTITY: Final = NotCarried("抽样数量 and 备样数量 say it")
_SOURCE: Final = NotCarried("the sampling organisation is the event's source, a CloudEvents attribute")


class Field(NamedTuple):
    """A field of the dictionary; `target` is a dotted path, or the reason why there is none."""

    code: str
    name: str
    target: str | NotCarried


#: 抽样单: one a sample.
SAMPLE_FIELDS: Final = (
    Field("sp_s_2_1", "任务来源", "SampleTaken.task"),
    Field("sp_s_70", "报送分类1", _FILING),
    Field("sp_s_67", "报送分类2", _FILING),
    Field("sp_s_1", "被抽样单位名称", "SampleTaken.sampled_party.name"),
    Field("sp_s_68", "抽样地点[生产/流通/餐饮]", "SampleTaken.stage"),
    Field("sp_s_2", "抽样地点[原辅料库/生产线/半成品库]", _BUSINESS),
    Field("sp_s_23", "年销售额", _BUSINESS),
    Field("sp_s_215", "营业执照号", "SampleTaken.sampled_party.licence"),
    Field("sp_s_bsfl", "传真", _CONTACT),
    Field("sp_s_201", "区域类型", _BUSINESS),
    Field("sp_s_3", "省(被抽样单位)", "SampleTaken.region"),
    Field("sp_s_4", "市(被抽样单位)", "SampleTaken.region"),
    Field("sp_s_5", "县(被抽样单位)", "SampleTaken.region"),
    Field("sp_s_7", "单位地址(被抽样单位)", "SampleTaken.sampled_party.address"),
    Field("sp_s_10", "邮编(被抽样单位)", _CONTACT),
    Field("sp_s_8", "被抽样单位法人（负责人）", _CONTACT),
    Field("sp_s_9", "电话(被抽样单位法人)", _CONTACT),
    Field("sp_s_11", "被抽样单位负责（联系）人", _CONTACT),
    Field("sp_s_12", "电话(被抽样单位负责人)", _CONTACT),
    Field("sp_xkz", "许可证", _LICENCE),
    Field("sp_xkz_id", "许可证号", _LICENCE),
    Field("sp_s_14", "样品名称", "SampleTaken.product_name"),
    Field("sp_s_203", "样品属性", _PRODUCT),
    Field("sp_n_15", "抽样数量", "SampleTaken.quantity"),
    Field("sp_s_6", "单位", "SampleTaken.quantity_unit"),
    Field("sp_s_16", "抽样编号", "SampleTaken.sample_id"),
    Field("sp_s_17", "食品大类", "SampleTaken.category.0"),
    Field("sp_s_18", "食品亚类", "SampleTaken.category.1"),
    Field("sp_s_19", "食品次亚类", "SampleTaken.category.2"),
    Field("sp_s_20", "食品细类", "SampleTaken.category.3"),
    Field("sp_s_61", "样品形态", _PRODUCT),
    Field("sp_s_62", "样品类型*", _PRODUCT),
    Field("sp_s_63", "包装分类", _PRODUCT),
    Field("sp_s_21", "样品来源", _PRODUCT),
    Field("sp_d_22", "生产/加工/购进日期", _DATE_KIND),
    Field("sp_s_24", "抽样方式", _HANDLING),
    Field("sp_s_25", "抽样工具", _HANDLING),
    Field("sp_s_26", "样品规格", "SampleTaken.specification"),
    Field("sp_s_27", "样品批号", "SampleTaken.batch"),
    Field("sp_d_28", "生产日期", "SampleTaken.production_date"),
    Field("sp_n_29", "保质期", _PRODUCT),
    Field("sp_s_66", "保质期单位", _PRODUCT),
    Field("sp_s_13", "生产许可证号", "SampleTaken.producer.licence"),
    Field("sp_s_72", "执行标准/技术文件", _PRODUCT),
    Field("sp_s_73", "质量等级", _PRODUCT),
    Field("sp_s_74", "商标", "SampleTaken.brand"),
    Field("sp_s_204", "单价", _PRODUCT),
    Field("sp_s_205", "是否出口", _PRODUCT),
    Field("sp_s_206", "抽样基数/批量", _PRODUCT),
    Field("sp_s_222", "条形码", _PRODUCT),
    Field("sp_s_207", "抽样数", _QUANTITY),
    Field("sp_s_208", "备样数量", "SampleTaken.backup_quantity"),
    Field("sp_s_64", "标识生产企业名称", "SampleTaken.producer.name"),
    Field("sp_s_65", "标识生产企业地址", "SampleTaken.producer.address"),
    Field("sp_s_202", "标识生产企业省", _ADDRESS),
    Field("sp_s_220", "标识生产企业市", _ADDRESS),
    Field("sp_s_221", "标识生产企业县", _ADDRESS),
    Field("sp_s_75", "生产企业联系人", _CONTACT),
    Field("sp_s_76", "生产企业电话", _CONTACT),
    Field("sp_s_30", "抽样时样品存储状态", _HANDLING),
    Field("sp_n_31", "温度(℃)", _HANDLING),
    Field("sp_s_33", "抽样样品包装", _HANDLING),
    Field("sp_n_32", "湿度(%)", _HANDLING),
    Field("sp_s_209", "寄、送样品截止日期", _HANDLING),
    Field("sp_s_210", "寄送样品地址", _HANDLING),
    Field("sp_s_34", "备注(样品)", _REMARK),
    Field("sp_s_35", "抽样单位名称", _SOURCE),
    Field("sp_s_36", "单位级别*", _SOURCE),
    Field("sp_s_52", "所在省份", _SOURCE),
    Field("sp_s_37", "抽样人员", "SampleTaken.sampled_by"),
    Field("sp_d_38", "抽样时间", "SampleTaken.sampled_at"),
    Field("sp_s_39", "电话", _CONTACT),
    Field("sp_s_40", "抽样单位负责（联系）人*", _CONTACT),
    Field("sp_s_41", "电话(抽样单位负责人)*", _CONTACT),
    Field("sp_s_42", "电子邮箱(抽样单位负责人)*", _CONTACT),
    Field("sp_s_211", "单位地址（抽样单位）", _CONTACT),
    Field("sp_s_212", "邮编（抽样单位）", _CONTACT),
    Field("sp_s_213", "传真（抽样单位）", _CONTACT),
    Field("sp_s_43", "检验机构名称", "ResultReported.lab_id"),
    Field("sp_s_44", "检验目的/任务类别", "SampleTaken.plan"),
    Field("sp_s_45", "报告书编号", "ResultReported.report_no"),
    Field("sp_d_46", "收检日期", "ResultReported.received_at"),
    Field("sp_d_47", "报告日期", "ResultReported.issued_at"),
    Field("sp_s_48", "报告签发人", _CONTACT),
    Field("sp_s_49", "联系人(检验机构)", _CONTACT),
    Field("sp_s_50", "电话(检验机构)", _CONTACT),
    Field("sp_s_51", "电子邮箱(检验机构)", _CONTACT),
    Field("sp_s_71", "结论", "ResultReported.conclusion"),
    Field("sp_s_214", "确认情况", _FILING),
    Field("sp_s_84", "备注(检验机构)", _REMARK),
    Field("sp_s_85", "填报人(检验机构)", _CONTACT),
    Field("sp_d_86", "填报日期", _FILING),
    Field("sp_s_87", "电话(检验机构填报人)", _CONTACT),
    Field("sp_s_88", "电子邮箱(检验机构填报人)", _CONTACT),
)
#: 检验数据: one a test item.
RESULT_FIELDS: Final = (
    Field("spdata_0", "检验项目", "Item.item"),
    Field("spdata_1", "检验结果", "Item.value"),
    Field("spdata_2", "结果判定", "Item.verdict"),
    Field("spdata_3", "检验依据", "Item.method"),
    Field("spdata_4", "判定依据", "Item.basis"),
    Field("spdata_5", "标准方法检出限", _STANDARD),
    Field("spdata_6", "标准检出限单位", _STANDARD),
    Field("spdata_7", "方法检出限", "Item.lod"),
    Field("spdata_8", "检出限单位", _UNIT),
    Field("spdata_9", "标准最小允许限", _STANDARD),
    Field("spdata_10", "标准最小允许限单位", _STANDARD),
    Field("spdata_11", "最小允许限", "Item.limit_low"),
    Field("spdata_12", "最小允许限单位", _UNIT),
    Field("spdata_13", "标准最大允许限", _STANDARD),
    Field("spdata_14", "标准最大允许限单位", _STANDARD),
    Field("spdata_15", "最大允许限", "Item.limit"),
    Field("spdata_16", "最大允许限单位", _UNIT),
    Field("spdata_17", "说明", _REMARK),
    Field("spdata_18", "结果单位", "Item.unit"),
)
